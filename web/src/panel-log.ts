// A demand's output, as it comes. The element outlives the panel's other parts, so that it keeps its place.
import { failure, request, type Demand } from "./api";
import { h, replace } from "./dom";
import { ended } from "./state";

const CHARACTERS_MAX = 200_000;
const CHOICES_MAX = 200;

// Whatever has begun may have written; a short one may have ended before its start was reported.
function hasOutput(demand: Demand): boolean {
	return demand.started_us > 0 || (demand.placements ?? []).some((placement) => placement.state !== "placed");
}

export class LogView {
	readonly element: HTMLElement;
	private readonly output = h("pre", { class: "log", tabindex: 0, "aria-label": "Output" });
	private readonly said = h("p", { class: "quiet", role: "status" });
	private readonly button = h("button", { type: "button", onclick: () => void this.toggle() });
	private readonly stream = h(
		"select",
		{ "aria-label": "Stream" },
		h("option", { value: "stdout" }, "stdout"),
		h("option", { value: "stderr" }, "stderr"),
	);
	private readonly part = h("select", { "aria-label": "Part" });
	private reading: AbortController | null = null;
	private text = "";
	private demand: Demand | null = null;
	private partWord = "";

	constructor() {
		const bar = h("div", { class: "filters" }, this.button, this.stream, this.part);
		this.element = h(
			"section",
			{ class: "output", "aria-label": "Output", hidden: true },
			h("h3", {}, "Output"),
			bar,
			this.output,
			this.said,
		);
		for (const control of [this.stream, this.part])
			control.addEventListener("change", () => {
				if (!this.reading && !this.text) return;
				this.stop();
				void this.toggle();
			});
	}

	show(demand: Demand | null): void {
		if (demand?.id !== this.demand?.id) this.clear();
		this.demand = demand;
		this.element.hidden = !demand || !hasOutput(demand);
		if (!demand) return;
		this.offerParts(demand);
		this.label();
	}

	private clear(): void {
		this.stop();
		this.text = this.partWord = "";
		this.stream.value = "stdout";
		this.said.textContent = "";
		this.output.hidden = true;
	}

	// Workers of a gang, replicas of a service.
	private offerParts(demand: Demand): void {
		const word = demand.kind === "service" ? "replica" : "worker",
			key = `${word}${demand.workers}`;
		this.part.hidden = demand.workers < 2;
		if (key === this.partWord) return;
		this.partWord = key;
		replace(
			this.part,
			...Array.from({ length: Math.min(demand.workers, CHOICES_MAX) }, (_, at) =>
				h("option", { value: at }, `${word} ${at}`),
			),
		);
	}

	private label(): void {
		this.button.textContent = this.reading
			? "Stop following"
			: this.demand && ended(this.demand.state)
				? "Show output"
				: "Follow output";
	}

	stop(): void {
		this.reading?.abort();
		this.reading = null;
	}

	private put(text: string): void {
		const output = this.output,
			atEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 30;
		this.text = text.slice(-CHARACTERS_MAX);
		output.textContent = this.text;
		if (atEnd) output.scrollTop = output.scrollHeight;
	}

	private async toggle(): Promise<void> {
		if (this.reading) {
			this.stop();
			this.label();
			return;
		}
		const demand = this.demand;
		if (!demand) return;
		const mine = (this.reading = new AbortController());
		this.output.hidden = false;
		this.said.textContent = "Reading…";
		this.put("");
		this.label();
		const said = await this.read(demand, mine.signal);
		if (this.reading !== mine) return;
		this.said.textContent = said;
		this.output.hidden = this.text === "";
		this.reading = null;
		this.label();
	}

	// Reads to the end; gives what is to be said about it.
	private async read(demand: Demand, signal: AbortSignal): Promise<string> {
		const query = new URLSearchParams({ follow: "true", stream: this.stream.value });
		if (demand.workers > 1) query.set(demand.kind === "service" ? "replica" : "worker", this.part.value || "0");
		try {
			const answer = await request(`/v1/demands/${demand.id}/logs?${query}`, { signal, headers: { Accept: "text/plain" } });
			if (answer.status === 403)
				return "This token may not read output: that is for operators, auditors and the demand's own tenant.";
			if (!answer.ok || !answer.body) return (await failure(answer)).message;
			const reader = answer.body.getReader(),
				decoder = new TextDecoder();
			if (Number(answer.headers.get("Weir-Log-First") ?? 0) > 0) this.put("(older output is no longer kept)\n");
			for (;;) {
				const { value, done } = await reader.read();
				if (done || signal.aborted) break;
				this.said.textContent = "";
				this.put(this.text + decoder.decode(value, { stream: true }));
			}
			return this.text ? "End of the output." : "It wrote nothing there.";
		} catch {
			return "The connection broke off.";
		}
	}
}
