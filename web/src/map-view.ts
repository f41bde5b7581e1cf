// Where the map looks: pan and zoom by pointer, wheel, fingers and buttons, in CSS pixels of the picture.

export interface Point {
	x: number;
	y: number;
}

const ZOOM_MAX = 60,
	DRAG_MIN_PX = 5,
	EDGE_PX = 40;

export class MapView {
	width = 0;
	height = 0;
	zoom = 1;
	private panX = 0;
	private panY = 0;

	constructor(
		private readonly root: SVGSVGElement,
		private readonly changed: () => void,
	) {
		this.listen();
	}

	resize(width: number, height: number): void {
		this.width = width;
		this.height = height;
		this.root.setAttribute("viewBox", `0 0 ${width} ${height}`);
		this.hold();
	}

	toScreen(point: Point): Point {
		return { x: point.x * this.zoom + this.panX, y: point.y * this.zoom + this.panY };
	}

	transform(): string {
		return `translate(${this.panX} ${this.panY}) scale(${this.zoom})`;
	}

	sees(point: Point, beyond = 0): boolean {
		const { x, y } = this.toScreen(point);
		return x >= -beyond && y >= -beyond && x <= this.width + beyond && y <= this.height + beyond;
	}

	zoomAt(factor: number, at: Point = { x: this.width / 2, y: this.height / 2 }): void {
		const next = Math.min(ZOOM_MAX, Math.max(1, this.zoom * factor));
		this.panX = at.x - ((at.x - this.panX) * next) / this.zoom;
		this.panY = at.y - ((at.y - this.panY) * next) / this.zoom;
		this.zoom = next;
		this.hold();
	}

	// Moves just so far that the point is seen.
	bringIn(point: Point): void {
		const { x, y } = this.toScreen(point);
		this.panX += Math.max(EDGE_PX - x, 0) - Math.max(x - this.width + EDGE_PX, 0);
		this.panY += Math.max(EDGE_PX - y, 0) - Math.max(y - this.height + EDGE_PX, 0);
		this.hold();
	}

	reset(): void {
		this.zoom = 1;
		this.hold();
	}

	// The map can't be pushed out of sight. A finger scrolls the page while there is nothing to pan.
	private hold(): void {
		this.panX = Math.min(0, Math.max(this.width * (1 - this.zoom), this.panX));
		this.panY = Math.min(0, Math.max(this.height * (1 - this.zoom), this.panY));
		this.root.style.touchAction = this.zoom > 1 ? "none" : "pan-y";
		this.root.classList.toggle("zoomed", this.zoom > 1);
		this.changed();
	}

	private at(event: MouseEvent): Point {
		const box = this.root.getBoundingClientRect();
		return { x: event.clientX - box.left, y: event.clientY - box.top };
	}

	private listen(): void {
		const pointers = new Map<number, Point>();
		let moved = 0,
			spread = 0;
		this.root.addEventListener(
			"wheel",
			(event) => {
				event.preventDefault();
				const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 20 : event.deltaY;
				this.zoomAt(Math.exp(-Math.max(-200, Math.min(200, pixels)) * 0.002), this.at(event));
			},
			{ passive: false },
		);
		this.root.addEventListener("dblclick", (event) => this.zoomAt(2, this.at(event)));
		this.root.addEventListener("pointerdown", (event) => {
			pointers.set(event.pointerId, this.at(event));
			moved = spread = 0;
		});
		this.root.addEventListener("pointermove", (event) => {
			const from = pointers.get(event.pointerId),
				to = this.at(event);
			if (!from) return;
			pointers.set(event.pointerId, to);
			if (pointers.size > 1) {
				const [a, b] = [...pointers.values()],
					next = Math.hypot(a.x - b.x, a.y - b.y);
				if (spread > 0) this.zoomAt(next / spread, { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
				spread = next;
				return;
			}
			moved += Math.abs(to.x - from.x) + Math.abs(to.y - from.y);
			if (moved < DRAG_MIN_PX || this.zoom === 1) return;
			if (!this.root.hasPointerCapture(event.pointerId)) this.root.setPointerCapture(event.pointerId);
			this.panX += to.x - from.x;
			this.panY += to.y - from.y;
			this.hold();
		});
		for (const name of ["pointerup", "pointercancel", "pointerleave"] as const)
			this.root.addEventListener(name, (event) => pointers.delete(event.pointerId));
	}
}
