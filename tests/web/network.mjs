// A platform and its agents, as real processes in a scratch folder.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const WEIR = process.env.WEIR_BIN ?? join(ROOT, "build/weir");
const PATIENCE_MS = 120_000;
const LIVE = ["guian-hub", "zhengzhou-regional", "suzhou-edge"];

export async function until(what, condition) {
	const end = Date.now() + PATIENCE_MS;
	for (;;) {
		const value = await condition();
		if (value) return value;
		if (Date.now() > end) throw new Error(`waited in vain for: ${what}`);
		await new Promise((done) => setTimeout(done, 100));
	}
}

export class Network {
	folder = mkdtempSync(join(tmpdir(), "weir-web-"));
	network = join(ROOT, "examples/networks/china.yaml");
	catalogue = join(ROOT, "examples/chips/catalogue.yaml");
	processes = new Map();
	died = "";
	url = "";

	run(name, ...words) {
		const log = openSync(join(this.folder, `${name}.log`), "a"),
			child = spawn(WEIR, words, { stdio: ["ignore", log, log] });
		this.processes.set(name, child);
		child.once("error", (error) => (this.died ||= `${name}: ${error.message}`));
		child.once("exit", (code, signal) => {
			if (this.processes.get(name) === child) this.died ||= `${name} ended by itself: ${signal ?? code}`;
		});
	}

	check() {
		if (this.died) throw new Error(this.died);
	}

	// The last lines of each process's log, for a failure's report.
	tails() {
		return readdirSync(this.folder)
			.filter((name) => name.endsWith(".log"))
			.map(
				(name) =>
					`--- ${name}\n${readFileSync(join(this.folder, name), "utf8").trimEnd().split("\n").slice(-6).join("\n")}`,
			)
			.join("\n");
	}

	async serve(...more) {
		const address = join(this.folder, "address");
		rmSync(address, { force: true });
		const listen = this.url ? this.url.slice("http://".length) : "127.0.0.1:0";
		this.run(
			"serve",
			"serve",
			"--state",
			join(this.folder, "platform"),
			"--listen",
			listen,
			"--network",
			this.network,
			"--catalogue",
			this.catalogue,
			"--write-tokens",
			join(this.folder, "tokens"),
			"--write-address",
			address,
			...more,
		);
		await until(
			"the platform to listen",
			() => this.check() ?? (existsSync(address) && readFileSync(address, "utf8").includes("\n")),
		);
		this.url = readFileSync(address, "utf8").trim();
	}

	agents() {
		const common = [
			"agent",
			"--server",
			this.url,
			"--token-file",
			join(this.folder, "tokens/supplier.token"),
			"--state",
			join(this.folder, "agents"),
			"--network",
			this.network,
		];
		this.run("simulated", ...common, "--all-simulated");
		for (const site of LIVE) this.run(site, ...common, "--site", site);
	}

	token(role) {
		return readFileSync(join(this.folder, `tokens/${role}.token`), "utf8").trim();
	}

	async call(method, path, body) {
		this.check();
		const answer = await fetch(this.url + path, {
			method,
			headers: { Authorization: `Bearer ${this.token("operator")}`, "Content-Type": "application/json" },
			body: body && JSON.stringify(body),
		});
		const text = await answer.text();
		if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
		return JSON.parse(text);
	}

	async all(path) {
		const found = [];
		let cursor = "";
		do {
			const page = await this.call("GET", `${path}?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
			found.push(...page.items);
			cursor = page.next;
		} while (cursor);
		return found;
	}

	async end(name, signal = "SIGTERM") {
		const child = this.processes.get(name);
		this.processes.delete(name);
		if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
		const over = new Promise((done) => child.once("exit", done));
		child.kill(signal);
		await over;
	}

	// Shims outlive their agents; those of this scratch folder are ended by their ids.
	endShims() {
		for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
			try {
				const words = readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0");
				if (words.some((word) => word.includes(this.folder))) process.kill(Number(id), "SIGKILL");
			} catch {
				// It ended by itself.
			}
		}
	}

	async stop() {
		for (const name of [...this.processes.keys()]) await this.end(name);
		this.endShims();
		rmSync(this.folder, { recursive: true, force: true });
	}
}
