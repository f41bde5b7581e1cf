// Pieces that the panel's views share.
import { h, type Child } from "./dom";

export function closePanel(): void {
	location.hash = "#/";
}

export function head(title: string, ...marks: Child[]): HTMLElement {
	return h(
		"header",
		{},
		h("h2", { tabindex: -1, id: "panel-title", "data-key": "title" }, title),
		h("button", { type: "button", class: "close", "data-key": "close", "aria-label": "Close", onclick: closePanel }, "×"),
		h("p", {}, ...marks),
	);
}

export function facts(pairs: [string, Node | string | null][]): HTMLElement {
	return h(
		"dl",
		{},
		...pairs
			.filter(([, value]) => value !== null && value !== "")
			.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
	);
}
