// Checks, by the compiler alone, that what ts/runtime/lit-node-client uses of Lit's packages is what they have.
import * as helpers from '@lit-protocol/auth-helpers';
import { LIT_ABILITY } from '@lit-protocol/constants';
import * as client from '@lit-protocol/lit-node-client';
import type { ClientPackage, HelpersPackage } from '../../ts/runtime/lit-node-client/connect.ts';

export const packages: [ClientPackage, HelpersPackage] = [client, helpers];
export const ability: 'lit-action-execution' = LIT_ABILITY.LitActionExecution;
