// The event stream over fetch, since EventSource cannot carry a token. Comes back by itself, from where it was.
import { ApiError, request, type NetworkEvent } from "./api";

const RETRY_MIN_MS = 500,
	RETRY_MAX_MS = 10_000;
const SILENCE_MAX_MS = 50_000; // the platform says something, if only a comment, far more often

export interface StreamListener {
	event(event: NetworkEvent): void;
	reset(): void; // what is shown may be out of date: read anew
	state(state: "live" | "away" | "denied" | "signed-out"): void;
}

async function read(
	body: ReadableStream<Uint8Array>,
	alive: () => void,
	take: (name: string, id: string, data: string) => void,
): Promise<void> {
	const reader = body.getReader(),
		decoder = new TextDecoder();
	let rest = "";
	for (;;) {
		const { value, done } = await reader.read();
		if (done) return;
		alive();
		rest += decoder.decode(value, { stream: true });
		const blocks = rest.split("\n\n");
		rest = blocks.pop() ?? "";
		for (const block of blocks) {
			let name = "message",
				id = "",
				data = "";
			for (const line of block.split("\n")) {
				if (line.startsWith("event:")) name = line.slice(6).trim();
				else if (line.startsWith("id:")) id = line.slice(3).trim();
				else if (line.startsWith("data:")) data += line.slice(5).trim();
			}
			take(name, id, data);
		}
	}
}

export async function follow(listener: StreamListener): Promise<void> {
	let last = "",
		wait = RETRY_MIN_MS;
	for (;;) {
		const silence = new AbortController();
		let timer = 0;
		const alive = (): void => {
			clearTimeout(timer);
			timer = window.setTimeout(() => silence.abort(), SILENCE_MAX_MS);
		};
		alive();
		try {
			const headers: Record<string, string> = { Accept: "text/event-stream" };
			if (last) headers["Last-Event-ID"] = last;
			const answer = await request("/v1/events", { headers, signal: silence.signal });
			if (answer.status === 401 || answer.status === 403) {
				clearTimeout(timer);
				listener.state(answer.status === 401 ? "signed-out" : "denied");
				return;
			}
			if (!answer.ok || !answer.body) throw new ApiError(answer.status, answer.statusText);
			listener.state("live");
			listener.reset();
			wait = RETRY_MIN_MS;
			await read(answer.body, alive, (name, id, data) => {
				if (id) last = id;
				if (name === "reset") listener.reset();
				else if (data) listener.event(JSON.parse(data) as NetworkEvent);
			});
		} catch {
			// Away: said below, and tried again.
		}
		clearTimeout(timer);
		listener.state("away");
		await new Promise((resolve) => setTimeout(resolve, wait));
		wait = Math.min(wait * 2, RETRY_MAX_MS);
	}
}
