import "uplot/dist/uPlot.min.css";
import "./style.css";
import { get, setToken, takeToken } from "./api";
import { drawChart, startChart } from "./chart";
import { byId, h } from "./dom";
import { drawChips, drawQueue, drawSites, drawSummary, startTabs } from "./lists";
import { drawLinks, drawMap, startMap } from "./map";
import { close, draw, route, shownDemand } from "./panel";
import { state } from "./state";
import { follow } from "./stream";

const CALM_MS = 5000; // without events, the summary is read as often, for the chart and for sites that fell silent

function askForToken(): void {
	const box = byId("sign-in");
	const input = h("input", { type: "password", autocomplete: "off", id: "token", required: true });
	const form = h("form", {}, h("label", { for: "token" }, "A token is needed to see this network."), input, h("button", { type: "submit" }, "Go on"),
		h("p", {}, "make run prints an address that carries one; weir token create makes one."));
	form.addEventListener("submit", (event) => {
		event.preventDefault();
		setToken(input.value);
		location.reload();
	});
	box.replaceChildren(form);
	box.hidden = false;
	input.focus();
}

function drawAll(): void {
	drawSummary();
	drawMap();
	drawQueue();
	drawSites();
	drawChips();
	drawChart();
}

function connect(): void {
	void follow({
		event(event) {
			state.touch(event.type.startsWith("site") || event.type === "placed" || event.type.startsWith("attempt") || event.type.startsWith("network"));
			if (event.demand && event.demand === shownDemand()) void draw();
			else if (event.site) void draw();
		},
		reset() {
			state.touch(true);
			void state.readLinks().catch(() => undefined);
			void draw();
		},
		state(now) {
			const line = byId("connection");
			line.textContent = now === "live" ? "live" : now === "away" ? "the platform is away, trying again" : "this token may not follow events";
			line.className = `is-${now}`;
		},
	});
}

async function start(): Promise<void> {
	takeToken();
	startMap((name) => (location.hash = `#/sites/${name}`));
	startTabs();
	startChart();
	state.addEventListener("change", drawAll);
	state.addEventListener("links", drawLinks);
	window.addEventListener("hashchange", route);
	document.addEventListener("keydown", (event) => {
		if (event.key === "Escape" && location.hash.length > 2) close();
	});
	try {
		await get("/v1/summary");
	} catch (error) {
		if ((error as { status?: number }).status === 401) {
			askForToken();
			return;
		}
	}
	connect();
	route();
	window.setInterval(() => state.touch(true), CALM_MS);
}

void start();
