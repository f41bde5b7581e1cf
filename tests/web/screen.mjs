// Takes the picture of the page that the README shows: the sample network with the sample demands at work.
// node tests/web/screen.mjs [FILE]
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { launch, open } from "./browser.mjs";
import { Network, ROOT, until, WEIR } from "./network.mjs";

const file = process.argv[2] ?? join(ROOT, "docs/screens/page.png");
const samples = join(ROOT, "examples/demands");
const network = new Network(),
	browser = await launch();
if (typeof browser === "string") throw new Error(browser);

// Long ones besides the samples, so that something runs, and much is in use, while the picture is taken.
const simulate = { duration: "10m" };
const training = (sites) =>
	sites
		.filter((site) => site.tier === "hub" && site.engine === "simulated")
		.flatMap((site, at) =>
			Array.from({ length: Math.floor((site.chips / 128) * [0.85, 0.4, 0.65, 0.2, 0.95][at % 5]) }, (_, part) => ({
				name: `pretrain-${at + 1}-${part + 1}`,
				title: "Pretrain on 128 chips",
				tenant: ["lab-a", "lab-b", "weather"][part % 3],
				workers: 16,
				shape: { cpu: "16", memory: "128GiB", chips: { count: 8 } },
				where: { sites: [site.name] },
				command: ["torchrun", "train.py"],
				simulate,
			})),
		);
const inference = (sites) =>
	sites
		.filter((site) => site.tier !== "hub" && site.engine === "simulated" && site.chips >= 4)
		.flatMap((site, at) =>
			Array.from(
				{ length: Math.max(1, Math.floor((site.chips / 4) * [0.9, 0.2, 0.5, 0, 0.7, 0.35][at % 6])) },
				(_, part) => ({
					name: `infer-${at + 1}-${part + 1}`,
					title: "Answer near the people who ask",
					tenant: "weather",
					shape: { cpu: "8", memory: "32GiB", chips: { count: 4 } },
					where: { sites: [site.name] },
					command: ["serve.py"],
					simulate,
				}),
			).slice(0, at % 6 === 3 ? 0 : 40),
		);

try {
	await network.serve();
	network.agents();
	await until("the sites to be up", async () => (await network.call("GET", "/v1/summary")).sites_up >= 170);
	const page = await open(browser, network),
		sites = await network.all("/v1/sites"),
		demands = [...training(sites), ...inference(sites)];
	demands.sort((a, b) => a.name.split("-").pop() - b.name.split("-").pop());
	for (let from = 0; from < demands.length; from += 150) {
		await network.call("POST", "/v1/demands/batch", { demands: demands.slice(from, from + 150) });
		const wanted = Math.floor(0.6 * (await network.call("GET", "/v1/summary")).demands.running);
		await until("the page to show that", () =>
			page.evaluate(
				(count) => parseInt(document.querySelector("#box-demands .value").textContent.replace(/,/g, ""), 10) > count,
				wanted,
			),
		);
		await new Promise((done) => setTimeout(done, 3000)); // for the chart
	}
	const { status, stderr } = spawnSync(
		WEIR,
		[
			"submit",
			...readdirSync(samples)
				.filter((name) => name.endsWith(".yaml"))
				.sort()
				.map((name) => join(samples, name)),
		],
		{ env: { ...process.env, WEIR_SERVER: network.url, WEIR_TOKEN: network.token("operator") }, encoding: "utf8" },
	);
	if (status !== 0) throw new Error(stderr);
	const some = (state) =>
		page.waitForFunction((wanted) => document.querySelectorAll(`[data-state="${wanted}"]`).length > 1, state);
	for (const state of ["running", "pending", "succeeded"]) await some(state);
	await page.waitForFunction(() => document.querySelectorAll("#map .work").length > 50);
	await page.waitForSelector("#map .live.working");
	await page.evaluate(() => document.activeElement.blur());
	await page.screenshot({ path: file });
} catch (error) {
	console.error(network.tails());
	throw error;
} finally {
	await browser.close();
	await network.stop();
}
