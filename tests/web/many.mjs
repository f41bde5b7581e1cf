// A network of 20,000 sites: the map stays usable, and hides none of them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { open } from "./browser.mjs";
import { Network } from "./network.mjs";

const SITES = 20_000,
	STALL_MAX_MS = 2000,
	MARKS_MAX = 3000;

function large() {
	const sites = Array.from({ length: SITES }, (_, at) => ({
		name: `site-${at}`,
		title: `Site ${at}`,
		tier: at < 20 ? "hub" : at < 420 ? "regional" : "edge",
		region: `region-${at % 30}`,
		operator: "made-up",
		engine: "simulated",
		latitude: Number((19 + ((at * 7919) % 3100) / 100).toFixed(2)),
		longitude: Number((78 + ((at * 104729) % 5500) / 100).toFixed(2)),
		groups: [{ name: "all", count: 4, cpu: 64, memory: "256GiB" }],
	}));
	return {
		network: {
			name: "large",
			title: "Large",
			regions: Array.from({ length: 30 }, (_, at) => ({ name: `region-${at}`, title: `Region ${at}` })),
			sites,
			links: [],
		},
	};
}

// How many sites the marks on the map stand for.
const counted = (page) =>
	page.evaluate(() =>
		[...document.querySelectorAll("#map .site")].reduce(
			(sum, mark) =>
				sum + (mark.classList.contains("cell") ? parseInt(mark.getAttribute("aria-label").replace(/,/g, ""), 10) : 1),
			0,
		),
	);

export async function many({ browser, test, check, picture }) {
	const network = new Network();
	network.network = join(network.folder, "large.json");
	writeFileSync(network.network, JSON.stringify(large()));
	try {
		await test("20,000 sites: each is counted on the map, and it zooms without a stall", async () => {
			await network.serve();
			const page = await open(browser, network);
			await page.evaluate(() => {
				window.longest = 0;
				new PerformanceObserver((list) =>
					list.getEntries().forEach((entry) => (window.longest = Math.max(window.longest, entry.duration))),
				).observe({ entryTypes: ["longtask"] });
			});
			await page.waitForFunction(() => document.querySelector("#box-sites")?.textContent.includes("20,000"));
			check((await counted(page)) === SITES, `${await counted(page)} sites on the map`);
			const marks = await page.locator("#map .site").count();
			check(marks < MARKS_MAX, `${marks} marks`);
			await picture(page, "many");
			const cell = page.locator("#map .cell").first();
			await cell.focus();
			await page.keyboard.press("Enter");
			const box = await page.locator("#map").boundingBox();
			await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
			for (let turn = 0; turn < 25 && (await page.locator("#map .cell").count()); turn++) {
				await page.mouse.wheel(0, -200);
				await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
			}
			check(
				(await page.locator("#map .cell").count()) === 0 && (await page.locator("#map [data-site]").count()) > 0,
				"no single sites however near",
			);
			const longest = await page.evaluate(() => window.longest);
			check(longest < STALL_MAX_MS, `the page stood still for ${Math.round(longest)} ms`);
			await picture(page, "many-near");
			check(page.faults.length === 0, page.faults.join("\n"));
			await page.context().close();
		});
	} finally {
		await network.stop();
	}
}
