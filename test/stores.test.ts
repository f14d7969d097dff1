import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { memoryStore } from '../ts/store/memory.ts';
import { openStore } from '../ts/store/node.ts';
import { testStores } from './support/store-tests.ts';

// The stores of this process; chromium.test.ts has that of a browser.

const root = mkdtempSync(join(tmpdir(), 'tandem-stores-'));
after(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
testStores('files', (key) => openStore(join(root, `${count++}`), key));
testStores('memory', memoryStore);
