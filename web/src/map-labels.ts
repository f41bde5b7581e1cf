// Names beside the marks: as many as find room, the important ones first.
import type { Site } from "./api";
import { svg } from "./dom";
import type { Mark } from "./map-marks";
import type { MapView } from "./map-view";

const LABELS_MAX = 70,
	LETTER_PX = 6.1,
	HEIGHT_PX = 13,
	GAP_PX = 3;
const FROM_ZOOM: Record<string, number> = { hub: 0, regional: 2, edge: 4.5 };
const RANK: Record<string, number> = { hub: 2, regional: 3, edge: 4 };

interface Box {
	left: number;
	top: number;
	right: number;
	bottom: number;
}

const text = (site: Site): string => site.name.replace(new RegExp(`-${site.tier}$`), "");

function rank(mark: Mark, selected: Set<string>): number {
	const site = mark.members[0];
	return selected.has(site.name) ? 0 : site.engine !== "simulated" ? 1 : (RANK[site.tier] ?? 5);
}

function boxes(x: number, y: number, r: number, width: number): { box: Box; anchor: string; x: number; y: number }[] {
	const half = HEIGHT_PX / 2,
		to = r + GAP_PX;
	const at = (left: number, top: number, anchor: string, ax: number): { box: Box; anchor: string; x: number; y: number } => ({
		box: { left, top, right: left + width, bottom: top + HEIGHT_PX },
		anchor,
		x: ax,
		y: top + HEIGHT_PX - 3,
	});
	return [
		at(x + to, y - half, "start", x + to),
		at(x - to - width, y - half, "end", x - to),
		at(x - width / 2, y - to - HEIGHT_PX, "middle", x),
		at(x - width / 2, y + to, "middle", x),
	];
}

const meet = (a: Box, b: Box): boolean => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

export function drawLabels(layer: SVGGElement, marks: Iterable<Mark>, view: MapView, scale: number, selected: Set<string>): void {
	const wanted: { mark: Mark; rank: number }[] = [],
		taken: Box[] = [];
	for (const mark of marks) {
		if (mark.members.length > 1 || !view.sees(mark)) continue;
		const site = mark.members[0],
			order = rank(mark, selected);
		if (order <= 2) {
			const { x, y } = view.toScreen(mark),
				r = mark.radius * scale;
			taken.push({ left: x - r, top: y - r, right: x + r, bottom: y + r });
		}
		if (order <= 1 || view.zoom >= (FROM_ZOOM[site.tier] ?? 0)) wanted.push({ mark, rank: order });
	}
	wanted.sort((a, b) => a.rank - b.rank || (a.mark.key < b.mark.key ? -1 : 1));
	const drawn: SVGElement[] = [];
	for (const { mark } of wanted) {
		if (drawn.length >= LABELS_MAX) break;
		const name = text(mark.members[0]),
			{ x, y } = view.toScreen(mark);
		const free = boxes(x, y, mark.radius * scale, name.length * LETTER_PX).find(
			({ box }) => box.left >= 0 && box.right <= view.width && box.top >= 0 && !taken.some((other) => meet(box, other)),
		);
		if (!free) continue;
		taken.push(free.box);
		drawn.push(
			svg(
				"text",
				{
					x: free.x.toFixed(1),
					y: free.y.toFixed(1),
					"text-anchor": free.anchor,
					class: mark.members[0].engine === "simulated" ? "" : "live",
				},
				name,
			),
		);
	}
	layer.replaceChildren(...drawn);
}
