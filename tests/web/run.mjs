// The page in a real browser, over a real platform. Prints TAP. Waits are on conditions, never on time.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { blank, launch, lowContrast, nameless, noOverflow, open } from "./browser.mjs";
import { many } from "./many.mjs";
import { Network, ROOT, until } from "./network.mjs";

const SCREENS = join(ROOT, "build/screens");
const SHAPE = { cpu: "100m", memory: "16MiB" };
const AWAY = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_SOCKET_NOT_CONNECTED|ERR_EMPTY_RESPONSE/;

let number = 0,
	failures = 0;
let main = null; // the page that most tests share
const network = new Network();

async function test(name, body) {
	number++;
	try {
		network.check();
		await body();
		console.log(`ok ${number} ${name}`);
	} catch (error) {
		failures++;
		console.log(`not ok ${number} ${name}`);
		console.log(String(error.stack ?? error).replace(/^/gm, "# "));
		await main?.evaluate(() => (location.hash = "#/")).catch(() => undefined); // a panel left open would fail the next one too
	}
}

function check(truth, what) {
	if (!truth) throw new Error(what);
}

const browser = await launch();
if (typeof browser === "string") {
	console.log(`1..1\nok 1 the page in a browser # SKIP ${browser}`);
	await network.stop();
	process.exit(0);
}
mkdirSync(SCREENS, { recursive: true });

const state = (page, id, wanted) => page.waitForSelector(`[data-demand="${id}"][data-state="${wanted}"]`);
const submit = async (demand) => (await network.call("POST", "/v1/demands", demand)).id;
const picture = (page, name, options = {}) => page.screenshot({ path: join(SCREENS, `${name}.png`), ...options });
const boxText = (page, id) => page.locator(`#box-${id}`).innerText();

async function back(page) {
	await page.keyboard.press("Escape");
	await page.waitForSelector("#panel", { state: "hidden" });
}

async function map(page) {
	await test("the token is taken out of the address", async () => check(!page.url().includes("token"), page.url()));

	await test("the map shows every site where it lies", async () => {
		const sites = await network.all("/v1/sites");
		check(sites.length >= 170, `${sites.length} sites`);
		const drawn = await page.evaluate(() =>
			[...document.querySelectorAll("[data-site]")].map((mark) => {
				const box = mark.querySelector(".shape").getBoundingClientRect();
				return [mark.dataset.site, box.x + box.width / 2, box.y + box.height / 2];
			}),
		);
		const at = new Map(drawn.map(([name, x, y]) => [name, { x, y }]));
		check(drawn.length === sites.length && sites.every((site) => at.has(site.name)), "each site has one mark");
		const picture = await page.locator("#map").boundingBox();
		for (const [name, x, y] of drawn)
			check(
				x > picture.x && x < picture.x + picture.width && y > picture.y && y < picture.y + picture.height,
				`${name} lies outside`,
			);
		check(
			at.get("urumqi-regional").x < at.get("lanzhou-regional").x &&
				at.get("lanzhou-regional").x < at.get("shanghai-regional").x,
			"west is left",
		);
		check(
			at.get("harbin-regional").y < at.get("beijing-regional").y &&
				at.get("beijing-regional").y < at.get("haikou-regional").y,
			"north is above",
		);
		check((await page.locator("path.land").getAttribute("d")).length > 10_000, "there is no land");
	});

	await test("every link is drawn", async () => {
		const links = await network.all("/v1/links");
		check(links.length > 50, `${links.length} links`);
		await page.waitForFunction((count) => document.querySelectorAll(".links line").length === count, links.length);
	});

	await test("simulated sites are labelled, tiers and hubs' names are shown", async () => {
		const label = (name) => page.locator(`[data-site="${name}"]`).getAttribute("aria-label");
		check(
			(await label("shaoguan-hub")).includes("simulated") && (await label("shaoguan-hub")).includes("hub"),
			await label("shaoguan-hub"),
		);
		check(!(await label("guian-hub")).includes("simulated"), "guian-hub is live");
		check(
			(await page.locator('[data-site="guian-hub"].live .halo').count()) === 1 &&
				(await page.locator(".simulated .halo").count()) === 0,
			"only live ones have a ring",
		);
		const names = await page.locator(".labels text").allTextContents();
		for (const name of ["guian", "zhengzhou", "shaoguan"]) check(names.includes(name), `${name} is not among ${names}`);
	});

	await test("the summary equals the API's, and the API's the sum of its sites", async () => {
		const sites = await network.all("/v1/sites"),
			summary = await network.call("GET", "/v1/summary");
		for (const tier of summary.tiers) {
			const chips = sites.filter((site) => site.tier === tier.tier).reduce((sum, site) => sum + site.chips, 0);
			check(chips === tier.chips, `${tier.tier}: ${chips} chips at its sites, ${tier.chips} in the summary`);
		}
		const number = (value) => value.toLocaleString("en");
		await until("the boxes to say what the API says", async () => {
			const now = await network.call("GET", "/v1/summary");
			const wanted = [
				["sites", `${number(now.sites_up)} / ${number(now.sites)}`],
				...now.tiers.map((t) => [t.tier, number(t.chips_free)]),
				...now.tiers.map((t) => [t.tier, `of ${number(t.chips)}`]),
			];
			for (const [id, text] of wanted) if (!(await boxText(page, id)).includes(text)) return false;
			return true;
		});
	});

	await test("a drained site shows so at once, and again when it is not", async () => {
		await network.call("POST", "/v1/sites/wuhu-hub/drain", { reason: "cooling works" });
		await page.waitForSelector('[data-site="wuhu-hub"].draining[aria-label*="draining"] .bar', { state: "attached" });
		await page.locator('[data-site="wuhu-hub"]').click();
		await page.waitForFunction(() => document.querySelector("#panel")?.textContent.includes("cooling works"));
		await network.call("POST", "/v1/sites/wuhu-hub/undrain");
		await page.waitForSelector('[data-site="wuhu-hub"]:not(.draining)');
		await page.waitForFunction(() => !document.querySelector("#panel")?.textContent.includes("cooling works"));
		await back(page);
	});

	await test("zoom: wheel, buttons, and back", async () => {
		const spread = () =>
			page.evaluate(() => {
				const [a, b] = ["beijing-regional", "tianjin-regional"].map((name) =>
					document.querySelector(`[data-site="${name}"]`).getBoundingClientRect(),
				);
				return Math.hypot(a.x - b.x, a.y - b.y);
			});
		const wider = async (than) => until("the map to have grown", async () => (await spread()) > than * 1.3);
		const before = await spread();
		await page.click("#zoom-in");
		await wider(before);
		const once = await spread(),
			box = await page.locator('[data-site="beijing-regional"]').boundingBox();
		await page.mouse.move(box.x, box.y);
		await page.mouse.wheel(0, -300);
		await wider(once);
		await page.click("#zoom-reset");
		await until("the map to be as before", async () => Math.abs((await spread()) - before) < 1);
	});
}

async function story(page) {
	await test("a submitted job changes state without reload", async () => {
		await page.evaluate(() => (window.sameDocument = true));
		const gate = join(network.folder, "gate");
		const id = await submit({
			name: "watched",
			shape: SHAPE,
			command: ["sh", "-c", `echo line from $WEIR_SITE; while [ ! -e ${gate} ]; do sleep 0.05; done`],
		});
		await state(page, id, "running");
		const site = (await network.call("GET", `/v1/demands/${id}`)).sites;
		await page.waitForSelector(`[data-site="${site}"].working .work`);
		await page.click(`[data-demand="${id}"] td.main a`);
		await page.waitForSelector("#panel .state-running");
		check((await page.locator(".rings circle").count()) === 1, "the site is not ringed on the map");
		writeFileSync(gate, "");
		await state(page, id, "succeeded");
		await page.waitForSelector("#panel header .state-succeeded");
		check(await page.evaluate(() => window.sameDocument === true), "the page was loaded again");
		const lines = (await network.call("GET", `/v1/demands/${id}/story`)).items;
		await page.waitForFunction((count) => document.querySelectorAll("#panel .story li").length === count, lines.length);
		await page.getByRole("button", { name: "Show output" }).click();
		await page.waitForFunction(() => document.querySelector("pre.log")?.textContent.startsWith("line from "));
		await page.getByText("End of the output.").waitFor();
		await picture(page, "demand");
		await back(page);
	});

	await test("standard error is read apart", async () => {
		const id = await submit({ name: "two-streams", shape: SHAPE, command: ["sh", "-c", "echo plain; echo trouble >&2"] });
		await state(page, id, "succeeded");
		await page.click(`[data-demand="${id}"] td.main a`);
		await page.getByRole("button", { name: "Show output" }).click();
		await page.waitForFunction(() => document.querySelector("pre.log")?.textContent === "plain\n");
		await page.getByLabel("Stream", { exact: true }).selectOption("stderr");
		await page.waitForFunction(() => document.querySelector("pre.log")?.textContent === "trouble\n");
		await back(page);
	});

	await test("an impossible demand says why, with sites to look at", async () => {
		const id = await submit({
			name: "impossible",
			shape: { ...SHAPE, chips: { count: 1, models: ["no-such-chip"] } },
			command: ["true"],
		});
		await page.click(`[data-demand="${id}"] td.main a`);
		await page.waitForSelector("#panel .why li a");
		const why = await network.call("GET", `/v1/demands/${id}/why`);
		check((await page.locator("#panel .why-summary").textContent()) === why.summary, "another summary");
		check((await page.locator("#panel .why li").count()) === why.groups.length, "not all groups are shown");
		await picture(page, "why");
		await page.getByRole("button", { name: "Cancel it" }).click();
		await state(page, id, "cancelled");
		await back(page);
	});

	await test("names are text, never markup", async () => {
		const title = '<img src=x onerror="window.broken=1"><b>bold</b>';
		const id = await submit({
			name: "markup",
			title,
			shape: SHAPE,
			command: ["sh", "-c", "echo '<script>window.broken=2</script>'"],
		});
		await state(page, id, "succeeded");
		await page.click(`[data-demand="${id}"] td.main a`);
		await page.waitForFunction((text) => document.querySelector("#panel")?.textContent.includes(text), title);
		await page.getByRole("button", { name: "Show output" }).click();
		await page.waitForFunction(() => document.querySelector("pre.log")?.textContent.includes("<script>"));
		check(await page.evaluate(() => window.broken === undefined), "markup was run");
		await back(page);
	});

	await test("the chart is drawn", async () => {
		await page.waitForFunction(() => {
			const canvas = document.querySelector("#plot canvas");
			return (
				canvas?.width > 100 &&
				canvas
					.getContext("2d")
					.getImageData(0, 0, canvas.width, canvas.height)
					.data.some((part) => part > 0)
			);
		});
		check(
			/\d+ running.*\d+ pending.*of chips in use/s.test(await page.locator("#chart-key").innerText()),
			await page.locator("#chart-key").innerText(),
		);
	});
}

async function hands(page) {
	await test("the keyboard reaches a site and its panel, and comes back", async () => {
		check((await page.locator('#map [tabindex="0"]').count()) === 1, "not one mark in the tab order");
		await page.locator("#zoom-reset").focus();
		await page.keyboard.press("Shift+Tab");
		await page.keyboard.press("Shift+Tab");
		await page.keyboard.press("Shift+Tab");
		const first = await page.evaluate(() => document.activeElement.dataset.site);
		check(first, "no site before the map's buttons");
		await page.waitForSelector(".tip:not([hidden])");
		await page.keyboard.press("ArrowLeft");
		const second = await page.evaluate(() => document.activeElement.dataset.site);
		check(second && second !== first, `from ${first} to ${second}`);
		await page.keyboard.press("Enter");
		await page.waitForFunction((name) => document.querySelector("#panel")?.textContent.includes(name), second);
		await page.waitForFunction(() => document.activeElement?.id === "panel-title");
		await back(page);
		check((await page.evaluate(() => document.activeElement.dataset.site)) === second, "the focus did not come back");
	});

	await test("the lists can be searched, by keyboard", async () => {
		await page.locator("#tab-queue").focus();
		await page.keyboard.press("ArrowRight");
		await page.getByLabel("Find a site").fill("suzhou-edge");
		await page.waitForFunction(() => document.querySelectorAll("[data-site-row]").length === 1);
		await page.locator("#tab-sites").focus();
		await page.keyboard.press("ArrowRight");
		await page.waitForSelector("#chips td");
		await picture(page, "chips");
		await page.click("#tab-queue");
		await page.getByLabel("Name, whole").fill("markup");
		await page.waitForFunction(() => document.querySelectorAll("[data-demand]").length === 1);
		await page.getByLabel("Name, whole").fill("nothing-has-this-name");
		await page.getByText("No demand is like that.").waitFor();
		await page.getByLabel("Name, whole").fill("");
		await page.waitForFunction(() => document.querySelectorAll("[data-demand]").length > 1);
	});

	await test("every control has a name, every text enough contrast", async () => {
		check((await nameless(page)).length === 0, (await nameless(page)).join("\n"));
		check((await lowContrast(page)).length === 0, (await lowContrast(page)).join("\n"));
	});

	await test("a thousand demands: pages, and a page that stays quick", async () => {
		const shape = { ...SHAPE, chips: { count: 1, models: ["no-such-chip"] } };
		const { ids } = await network.call("POST", "/v1/demands/batch", {
			demands: Array.from({ length: 1000 }, (_, at) => ({ name: `crowd-${at}`, shape, command: ["true"] })),
		});
		await page.waitForSelector(`[data-demand="${ids.at(-1)}"]`);
		await page.waitForFunction(() => document.querySelectorAll("[data-demand]").length === 100);
		await page.getByRole("button", { name: "Show more" }).click();
		await page.waitForFunction(() => document.querySelectorAll("[data-demand]").length === 200);
		for (let pages = 3; pages <= 10; pages++) {
			await page.getByRole("button", { name: "Show more" }).click();
			await page.waitForFunction((count) => document.querySelectorAll("[data-demand]").length === count, pages * 100);
		}
		await page.getByText("narrow by state, name or tenant").waitFor();
		await page.getByLabel("State").selectOption("succeeded");
		await page.waitForFunction(() =>
			[...document.querySelectorAll("[data-demand]")].every((row) => row.dataset.state === "succeeded"),
		);
		await page.getByLabel("State").selectOption("");
		await page.waitForFunction(() => document.querySelectorAll("[data-demand]").length === 100);
	});

	await test("the stream comes back after the platform was killed", async () => {
		await network.end("serve", "SIGKILL");
		await page.waitForSelector("#connection.is-away");
		check((await page.locator("[data-site]").count()) > 170, "what was known is shown no more");
		await network.serve();
		await page.waitForSelector("#connection.is-live");
		const id = await submit({ name: "after-the-kill", shape: SHAPE, command: ["true"] });
		await state(page, id, "succeeded");
		check(await page.evaluate(() => window.sameDocument === true), "loaded again");
		page.faults = page.faults.filter((text) => !AWAY.test(text));
	});

	await test("nothing was asked for elsewhere, and nothing went wrong", async () => {
		check(page.strays.length === 0, page.strays.join(", "));
		check(page.faults.length === 0, page.faults.join("\n"));
	});
}

async function sizes() {
	await test("phone width: nothing runs over, the queue reads", async () => {
		const page = await open(browser, network, {
			viewport: { width: 360, height: 740 },
			deviceScaleFactor: 2,
			hasTouch: true,
			isMobile: true,
		});
		await page.waitForSelector("[data-demand]");
		check(await noOverflow(page), "the page is wider than the phone");
		await picture(page, "phone");
		for (const tab of ["sites", "chips", "queue"]) {
			await page.tap(`#tab-${tab}`);
			await page.waitForSelector(`#${tab} td`);
			check(await noOverflow(page), `${tab} is wider than the phone`);
		}
		await page.tap("[data-demand] td.main a");
		await page.waitForSelector("#panel h2");
		check(await noOverflow(page), "the panel is wider than the phone");
		check(await page.evaluate(() => document.querySelector("#lists").inert), "what the panel covers can be reached");
		await picture(page, "phone-demand");
		await page.tap("#panel .close");
		await page.waitForFunction(() => !document.querySelector("#lists").inert);
		await page.tap('[data-site="guian-hub"]');
		await page.waitForFunction(() => document.querySelector("#panel")?.textContent.includes("guian-hub"));
		check(await noOverflow(page), "a site's panel is wider than the phone");
		await page.context().close();
	});

	await test("middle widths: nothing runs over", async () => {
		const page = await open(browser, network);
		for (const width of [400, 640, 900, 901, 1024, 1280, 1920]) {
			await page.setViewportSize({ width, height: 720 });
			check(await noOverflow(page), `wider than ${width}`);
		}
		await page.context().close();
	});

	await test("dark, for those whose system asks for it", async () => {
		const page = await open(browser, network, { colorScheme: "dark" });
		await page.waitForSelector("[data-demand]");
		const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
		check(ground === "rgb(16, 21, 29)", ground);
		await page.click("[data-demand] td.main a");
		await page.waitForSelector("#panel h2");
		check((await lowContrast(page)).length === 0, (await lowContrast(page)).join("\n"));
		await picture(page, "dark");
		await page.context().close();
	});
}

async function tokens() {
	await test("without a token the page asks for one, and says when it is wrong", async () => {
		const page = await blank(browser, network.url);
		await page.goto(network.url);
		await page.fill("#token", "not-a-token");
		await page.keyboard.press("Enter");
		await page.getByText("the token is not known").waitFor();
		await picture(page, "sign-in");
		await page.fill("#token", network.token("viewer"));
		await page.keyboard.press("Enter");
		await page.waitForSelector("[data-site]");
		await page.getByRole("button", { name: "Sign out" }).click();
		await page.waitForSelector("#token");
		await page.context().close();
	});

	for (const role of ["viewer", "auditor", "supplier", "tenant"])
		await test(`as ${role} the page shows what may be seen and says what may not`, async () => {
			const own = await submit({
				name: `seen-by-${role}`,
				shape: SHAPE,
				tenant: role === "tenant" ? await tenantOf() : "lab-a",
				command: ["sh", "-c", "echo for some eyes"],
			});
			await until("it to have ended", async () => (await network.call("GET", `/v1/demands/${own}`)).state === "succeeded");
			const page = await open(browser, network, {}, role);
			await page.goto(`${network.url}/#/demands/${own}`);
			await page.waitForSelector("#panel .story li");
			const reads = role === "auditor" || role === "tenant";
			check((await page.locator("#panel code.command").count()) === (reads ? 1 : 0), "the command");
			await page.getByRole("button", { name: "Show output" }).click();
			if (reads) await page.waitForFunction(() => document.querySelector("pre.log")?.textContent === "for some eyes\n");
			else await page.getByText("This token may not read output").waitFor();
			await page.context().close();
		});

	await test("a refused cancellation is told in its place", async () => {
		const id = await submit({
			name: "stays",
			shape: { ...SHAPE, chips: { count: 1, models: ["no-such-chip"] } },
			command: ["true"],
		});
		const page = await open(browser, network, {}, "viewer");
		await page.goto(`${network.url}/#/demands/${id}`);
		await page.getByRole("button", { name: "Cancel it" }).click();
		await page.getByText("the role viewer may not").waitFor();
		await page.context().close();
	});
}

const tenantOf = async () => (await network.all("/v1/tokens")).find((token) => token.role === "tenant").tenant;

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => void network.stop().then(() => process.exit(1)));
try {
	await network.serve();
	network.agents();
	await until("the sites to be up", async () => (await network.call("GET", "/v1/summary")).sites_up >= 170);
	main = await open(browser, network);
	await map(main);
	await story(main);
	await picture(main, "desktop");
	await hands(main);
	await tokens();
	await sizes();
	await many({ browser, test, check, picture });
} catch (error) {
	failures++;
	console.log(`not ok ${++number} the tests could run`);
	console.log(String(error.stack ?? error).replace(/^/gm, "# "));
} finally {
	if (failures) console.log(network.tails().replace(/^/gm, "# "));
	await browser.close();
	await network.stop();
	console.log(`1..${number}`);
}
process.exit(failures ? 1 : 0);
