// Elements without a line of HTML in a string: there is nothing to inject into.

type Child = Node | string | undefined | false;
type Props = Readonly<Record<string, string | boolean | ((event: Event) => void)>>;

/** An element with attributes, and listeners by their names (`onclick`). */
export function h(tag: string, props: Props = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (typeof value === 'boolean') element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child): child is Node | string => child !== undefined && child !== false));
  return element;
}

/** A button. It has no id: an address with that fragment, which the opener of a window chooses, would have it focused. */
export function button(text: string, onclick: (event: Event) => void, className = ''): HTMLButtonElement {
  return h('button', { type: 'button', class: className, onclick }, text) as HTMLButtonElement;
}

export function field(label: string, props: Props): { label: HTMLElement; input: HTMLInputElement } {
  const input = h('input', { type: 'text', ...props }) as HTMLInputElement;
  return { label: h('label', {}, label, input), input };
}

export function check(label: string, isChecked = false): { label: HTMLElement; input: HTMLInputElement } {
  const input = h('input', { type: 'checkbox' }) as HTMLInputElement;
  input.checked = isChecked;
  return { label: h('label', { class: 'check' }, input, h('span', {}, label)), input };
}

/** Has the browser save bytes as a file. */
export function save(name: string, data: Uint8Array | string, type: string): void {
  const url = URL.createObjectURL(new Blob([typeof data === 'string' ? data : data.slice()], { type }));
  const link = h('a', { href: url, download: name }) as HTMLAnchorElement;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The file that the user chose. */
export async function chosen(input: HTMLInputElement): Promise<Uint8Array | undefined> {
  const file = input.files?.[0];
  return file && new Uint8Array(await file.arrayBuffer());
}
