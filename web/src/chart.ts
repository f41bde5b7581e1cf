// Running and pending demands and the share of chips in use, since this page was opened.
import uPlot from "uplot";
import { byId, h, replace } from "./dom";
import { count, percent } from "./format";
import { state } from "./state";

const HEIGHT = 104,
	SPAN_MIN_S = 60;
let chart: uPlot | null = null;

const two = (value: number): string => String(value).padStart(2, "0");

function time(seconds: number, withSeconds: boolean): string {
	const at = new Date(seconds * 1000);
	return `${two(at.getHours())}:${two(at.getMinutes())}${withSeconds ? `:${two(at.getSeconds())}` : ""}`;
}

function columns(): uPlot.AlignedData {
	const history = state.history;
	return [history.map((s) => s.time), history.map((s) => s.running), history.map((s) => s.pending), history.map((s) => s.chips)];
}

function make(host: HTMLElement): uPlot {
	const color = (name: string): string => getComputedStyle(document.body).getPropertyValue(name).trim();
	const axis = {
		stroke: color("--quiet"),
		grid: { stroke: color("--line-color"), width: 1 },
		ticks: { show: false },
		font: "11px system-ui",
	};
	const line = { width: 1.5, points: { show: false } };
	return new uPlot(
		{
			width: Math.max(host.clientWidth, 200),
			height: HEIGHT,
			padding: [8, 0, 0, 0],
			cursor: { show: false },
			legend: { show: false },
			scales: {
				x: { time: true, range: (_, low, high) => [Math.min(low, high - SPAN_MIN_S), high] },
				y: { range: (_, __, high) => [0, Math.max(high * 1.1, 4)] },
				share: { range: [0, 100] },
			},
			axes: [
				{
					...axis,
					size: 22,
					space: 90,
					incrs: [10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400],
					values: (_, ticks, __, ___, step) => ticks.map((tick) => time(tick, step < 60)),
				},
				{
					...axis,
					size: 38,
					space: 24,
					incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000, 1_000_000],
					values: (_, ticks) => ticks.map(count),
				},
				{
					...axis,
					scale: "share",
					side: 1,
					size: 44,
					space: 24,
					incrs: [50],
					grid: { show: false },
					values: (_, ticks) => ticks.map((tick) => `${tick} %`),
				},
			],
			series: [
				{},
				{ ...line, stroke: color("--running") },
				{ ...line, stroke: color("--pending"), dash: [6, 3] },
				{ ...line, stroke: color("--chips"), dash: [2, 2], scale: "share" },
			],
		},
		columns(),
		host,
	);
}

export function drawChart(): void {
	const host = byId("plot"),
		last = state.history.at(-1);
	if (!last) return;
	const key = (name: string, text: string): HTMLElement => h("span", { class: `key key-${name}` }, text);
	replace(
		byId("chart-key"),
		key("running", `${count(last.running)} running`),
		key("pending", `${count(last.pending)} pending`),
		key("chips", `${percent(last.chips / 100)} of chips in use (right)`),
	);
	if (state.history.length < 2 || host.clientWidth === 0) return;
	if (chart) chart.setData(columns());
	else chart = make(host);
}

export function startChart(): void {
	new ResizeObserver(() => {
		const width = byId("plot").clientWidth;
		if (chart && width > 0 && width !== chart.width) chart.setSize({ width, height: HEIGHT });
	}).observe(byId("plot"));
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
		chart?.destroy();
		chart = null;
		drawChart();
	});
}
