// Running and pending demands and chips in use over the last minutes, as this page saw them.
import uPlot from "uplot";
import { byId } from "./dom";
import { state } from "./state";

const HEIGHT = 120;
let chart: uPlot | null = null;

function columns(): uPlot.AlignedData {
	const history = state.history;
	return [history.map((s) => s.time), history.map((s) => s.running), history.map((s) => s.pending), history.map((s) => s.chips)];
}

function make(host: HTMLElement): uPlot {
	const color = (name: string): string => getComputedStyle(document.body).getPropertyValue(name).trim();
	const axis = { stroke: color("--quiet"), grid: { stroke: color("--line-color"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
	return new uPlot({
		width: Math.max(host.clientWidth, 200), height: HEIGHT, cursor: { show: false }, legend: { live: false },
		scales: { y: { range: (_, low, high) => [Math.min(0, low), Math.max(high, 4)] }, chips: { range: (_, low, high) => [Math.min(0, low), Math.max(high, 4)] } },
		axes: [{ ...axis, space: 80 }, { ...axis, size: 40 }, { ...axis, scale: "chips", side: 1, size: 50, grid: { show: false } }],
		series: [{}, { label: "running", stroke: color("--running"), width: 2 }, { label: "pending", stroke: color("--pending"), width: 2, dash: [6, 3] },
			{ label: "chips in use (right)", stroke: color("--chips"), width: 2, dash: [2, 3], scale: "chips" }],
	}, columns(), host);
}

export function drawChart(): void {
	const host = byId("chart");
	if (state.history.length < 2 || host.clientWidth === 0) return;
	if (chart) chart.setData(columns());
	else chart = make(host);
}

export function startChart(): void {
	const remake = (): void => {
		chart?.destroy();
		chart = null;
		drawChart();
	};
	new ResizeObserver(() => {
		const width = byId("chart").clientWidth;
		if (chart && width > 0 && width !== chart.width) chart.setSize({ width, height: HEIGHT });
	}).observe(byId("chart"));
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", remake);
}
