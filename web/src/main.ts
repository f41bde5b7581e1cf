import "uplot/dist/uPlot.min.css";
import "./style.css";
import { ApiError, get, hasToken, setToken, takeToken } from "./api";
import { drawChart, startChart } from "./chart";
import { byId, h } from "./dom";
import { drawChips, drawQueue, drawSites, drawSummary, startTabs } from "./lists";
import { drawLinks, drawMap, startMap } from "./map";
import { route, shows, startPanel, touchPanel } from "./panel";
import { closePanel } from "./panel-parts";
import { state } from "./state";
import { follow } from "./stream";

const AGAIN_MS = 1000;
const PANEL_EVERY_MS = 5000; // a pending demand's reasons change without an event of its own

function askForToken(said: string): void {
	const box = byId("sign-in"),
		problem = h("p", { class: "problem", role: "alert" }, said);
	const input = h("input", { type: "password", autocomplete: "off", id: "token", required: true, spellcheck: "false" });
	const form = h(
		"form",
		{},
		h("h2", {}, "weir"),
		h("label", { for: "token" }, "A token is needed to see this network."),
		input,
		problem,
		h("button", { type: "submit" }, "Go on"),
		h(
			"p",
			{},
			"make run prints an address that carries one. An operator makes more with ",
			h("code", {}, "weir token create"),
			".",
		),
	);
	form.addEventListener("submit", (event) => {
		event.preventDefault();
		setToken(input.value);
		void get("/v1/summary").then(
			() => location.reload(),
			(error: unknown) => {
				problem.textContent = error instanceof ApiError ? error.message : "The platform does not answer.";
				if (error instanceof ApiError && error.status === 401) setToken("");
				input.select();
			},
		);
	});
	box.replaceChildren(form);
	box.hidden = false;
	document.body.classList.add("signed-out");
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

const SAID = {
	live: "live",
	away: "the platform is away; trying again",
	denied: "this token may not follow events; read every few seconds",
	"signed-out": "signed out",
};

function connect(): void {
	void follow({
		event(event) {
			state.touch(event.type.startsWith("network") || event.type.startsWith("catalogue") ? "*" : (event.site ?? ""));
			if (event.type.startsWith("network")) void state.readLinks().catch(() => undefined);
			if (shows(event.demand, event.site)) touchPanel();
		},
		reset() {
			state.touch("*");
			void state.readLinks().catch(() => undefined);
			touchPanel();
		},
		state(now) {
			const line = byId("connection");
			line.textContent = SAID[now];
			line.className = `is-${now}`;
			if (now === "signed-out") askForToken("The token is no longer known; it may have been revoked.");
		},
	});
}

// Whether the token is good; asked until the platform answers.
async function signedIn(): Promise<boolean> {
	for (;;) {
		try {
			await get("/v1/summary");
			return true;
		} catch (error) {
			if (error instanceof ApiError && error.status === 401) {
				askForToken(hasToken() ? error.message : "");
				return false;
			}
			byId("connection").textContent = SAID.away;
			byId("connection").className = "is-away";
		}
		await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
	}
}

async function start(): Promise<void> {
	takeToken();
	startMap((name) => (location.hash = `#/sites/${encodeURIComponent(name)}`));
	startTabs();
	startChart();
	startPanel();
	state.addEventListener("change", drawAll);
	state.addEventListener("links", drawLinks);
	document.addEventListener("keydown", (event) => {
		if (event.key === "Escape" && location.hash.length > 2) closePanel();
	});
	byId("sign-out").addEventListener("click", () => {
		setToken("");
		location.reload();
	});
	byId("sign-out").hidden = !hasToken();
	drawQueue();
	if (!(await signedIn())) return;
	connect();
	route();
	state.start();
	window.setInterval(touchPanel, PANEL_EVERY_MS);
}

void start();
