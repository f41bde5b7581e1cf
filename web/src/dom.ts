// Elements from data. Text only ever becomes text: nothing here reads HTML.

export type Child = Node | string | number | null | undefined | false;
type Attributes = { [name: string]: string | number | boolean | ((event: never) => void) | undefined };

function fill(element: Element, attributes: Attributes, children: Child[]): void {
	for (const [name, value] of Object.entries(attributes)) {
		if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
		else if (value === true) element.setAttribute(name, "");
		else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
	}
	for (const child of children)
		if (child !== null && child !== undefined && child !== false)
			element.append(typeof child === "number" ? String(child) : child);
}

export function h<K extends keyof HTMLElementTagNameMap>(
	tag: K,
	attributes: Attributes = {},
	...children: Child[]
): HTMLElementTagNameMap[K] {
	const element = document.createElement(tag);
	fill(element, attributes, children);
	return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(
	tag: K,
	attributes: Attributes = {},
	...children: Child[]
): SVGElementTagNameMap[K] {
	const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
	fill(element, attributes, children);
	return element;
}

export function byId(id: string): HTMLElement {
	const element = document.getElementById(id);
	if (!element) throw new Error(`the page has no #${id}`);
	return element;
}

const focusedKey = (parent: HTMLElement): string | undefined =>
	document.activeElement instanceof HTMLElement && parent.contains(document.activeElement)
		? document.activeElement.dataset.key
		: undefined;

function focusKey(parent: HTMLElement, key: string | undefined): void {
	if (key) parent.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// Replaces what is inside, keeping the focus on the element with the same data-key.
export function replace(parent: HTMLElement, ...children: Child[]): void {
	const key = focusedKey(parent),
		top = parent.scrollTop;
	parent.replaceChildren();
	fill(parent, {}, children);
	parent.scrollTop = top;
	focusKey(parent, key);
}

interface Row {
	element: HTMLElement;
	sign: string;
}
const rowsOf = new WeakMap<HTMLElement, Map<string, Row>>();

// One child of `parent` for each item, in their order. A child is made anew only when its sign changed, so
// that a list of a thousand can be shown again several times a second, and what is selected stays selected.
export function keyed<T>(
	parent: HTMLElement,
	items: T[],
	key: (item: T) => string,
	sign: (item: T) => string,
	make: (item: T) => HTMLElement,
): void {
	const before = rowsOf.get(parent) ?? new Map<string, Row>(),
		after = new Map<string, Row>();
	let next = parent.firstElementChild;
	for (const item of items) {
		const name = key(item),
			wanted = sign(item),
			known = before.get(name);
		let row = known;
		if (!row || row.sign !== wanted) {
			row = { element: make(item), sign: wanted };
			if (known) {
				const focused = focusedKey(known.element);
				if (next === known.element) next = row.element;
				known.element.replaceWith(row.element);
				focusKey(row.element, focused);
			}
		}
		if (row.element === next) next = next.nextElementSibling;
		else parent.insertBefore(row.element, next);
		after.set(name, row);
	}
	for (const [name, row] of before) if (!after.has(name)) row.element.remove();
	rowsOf.set(parent, after);
}
