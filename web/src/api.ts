// The public API: the shapes that the page reads, and calls with the token.

export interface Placement {
	replica: number;
	attempt: number;
	site: string;
	tier: string;
	region: string;
	engine: string;
	state: string;
	outcome: string;
	exit_code: number;
	exit_signal: number;
	message: string;
	placed_us: number;
	started_us: number;
	ended_us: number;
	progress_permille: number;
	candidates: number;
	workers?: { worker: number; node: string; chip_model: string; chips: number[]; chip_milli: number }[];
}
export interface Demand {
	id: string;
	name: string;
	title: string;
	tenant: string;
	kind: string;
	state: string;
	reason: string;
	priority: number;
	workers: number;
	running_count: number;
	attempt: number;
	accepted_us: number;
	started_us: number;
	ended_us: number;
	progress_permille: number;
	exit_code: number;
	simulated: boolean;
	cpu_milli: number;
	memory_mib: number;
	chip_milli: number;
	sites: string;
	estimated_start_us: number;
	placements?: Placement[];
	spec?: { command?: string[] } | null;
}
export interface Site {
	name: string;
	title: string;
	tier: string;
	region: string;
	operator: string;
	latitude: string;
	longitude: string;
	engine: string;
	condition: string;
	condition_since_us: number;
	draining: boolean;
	drain_reason: string;
	seconds_since_seen: number;
	agent: string;
	nodes: number;
	cpu_milli: number;
	cpu_free_milli: number;
	memory_mib: number;
	memory_free_mib: number;
	chips: number;
	chips_free: number;
	chip_uses: { model: string; count: number; free: number }[];
	placements: number;
	notes: string[];
}
export interface Link {
	from: string;
	to: string;
	rtt_us: number;
	bandwidth_mbit: number;
}
export interface Tier {
	tier: string;
	sites: number;
	sites_up: number;
	nodes: number;
	cpu_milli: number;
	cpu_free_milli: number;
	chips: number;
	chips_free: number;
}
export interface Summary {
	name: string;
	network: string;
	title: string;
	note: string;
	version: string;
	sites: number;
	sites_up: number;
	sites_draining: number;
	sites_simulated: number;
	chips_domestic: number;
	chips_foreign: number;
	demands: { [state: string]: number };
	tiers: Tier[];
	chips: { model: string; vendor: string; origin: string; count: number; free: number; waiting: number }[];
}
export interface Why {
	summary: string;
	fits_now: boolean;
	never: boolean;
	ahead: number;
	ahead_by: { tenant: string; count: number }[];
	start: string;
	change: string;
	changes: { sentence: string; site: string; stops: number }[];
	groups: { code: string; never: boolean; sites: number; sentence: string; examples: string[] }[];
}
export interface StoryLine {
	sequence: string | number;
	time_us: number;
	event: string;
	sentence: string;
}
export interface Page<T> {
	items: T[];
	next: string;
}
export interface NetworkEvent {
	sequence: string | number;
	type: string;
	demand?: string;
	site?: string;
	sentence?: string;
}

export class ApiError extends Error {
	constructor(
		readonly status: number,
		message: string,
	) {
		super(message);
	}
}

const TOKEN_KEY = "weir-token";
const ANSWER_MS = 30_000; // an answer that takes longer is given up, so that nothing waits for ever
let token = "";

// The token comes once in the address, behind #token=, and is taken out of it at once.
export function takeToken(): void {
	const found = /[#&]token=([A-Za-z0-9_-]+)/.exec(location.hash);
	if (found) {
		sessionStorage.setItem(TOKEN_KEY, found[1]);
		history.replaceState(null, "", location.pathname + location.search);
	}
	token = sessionStorage.getItem(TOKEN_KEY) ?? "";
}

export function setToken(value: string): void {
	token = value.trim();
	sessionStorage.setItem(TOKEN_KEY, token);
}

export const hasToken = (): boolean => token !== "";

export function request(path: string, options: RequestInit = {}): Promise<Response> {
	const headers = new Headers(options.headers);
	if (token) headers.set("Authorization", `Bearer ${token}`);
	return fetch(path, { ...options, headers, credentials: "omit", cache: "no-store" });
}

export async function failure(answer: Response): Promise<ApiError> {
	const text = await answer.text();
	try {
		const problem = JSON.parse(text) as { title?: string; detail?: string };
		return new ApiError(answer.status, problem.detail || problem.title || text);
	} catch {
		return new ApiError(answer.status, text || answer.statusText);
	}
}

export async function get<T>(path: string): Promise<T> {
	const answer = await request(path, { signal: AbortSignal.timeout(ANSWER_MS) });
	if (!answer.ok) throw await failure(answer);
	return (await answer.json()) as T;
}

export async function post<T>(path: string, body: unknown): Promise<T> {
	const answer = await request(path, {
		method: "POST",
		headers: { "Content-Type": "application/json" },
		body: JSON.stringify(body),
		signal: AbortSignal.timeout(ANSWER_MS),
	});
	if (!answer.ok) throw await failure(answer);
	return (await answer.json()) as T;
}

export async function all<T>(path: string, most = 50_000): Promise<T[]> {
	const found: T[] = [];
	let cursor = "";
	do {
		const page = await get<Page<T>>(
			`${path}${path.includes("?") ? "&" : "?"}limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
		);
		found.push(...page.items);
		cursor = page.next;
	} while (cursor && found.length < most);
	return found;
}
