// The page in a real browser, over a real platform. Prints TAP. Waits are on conditions, never on time.
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Network, until } from "./network.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const SCREENS = join(ROOT, "build/screens");
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const SHAPE = { cpu: "100m", memory: "16MiB" };

let number = 0, failures = 0;

async function test(name, body) {
	number++;
	try {
		await body();
		console.log(`ok ${number} ${name}`);
	} catch (error) {
		failures++;
		console.log(`not ok ${number} ${name}`);
		console.log(String(error.stack ?? error).replace(/^/gm, "# "));
	}
}

function check(truth, what) {
	if (!truth) throw new Error(what);
}

function skip(reason) {
	console.log(`1..1\nok 1 the page in a browser # SKIP ${reason}`);
	process.exit(0);
}

const browserPath = BROWSERS.find((path) => existsSync(path));
if (!browserPath) skip("there is no Chromium on this machine");
const { chromium } = await import("playwright-core").catch(() => skip("playwright-core is not installed"));

mkdirSync(SCREENS, { recursive: true });
const network = new Network();
const browser = await chromium.launch({ executablePath: browserPath, args: FLAGS });

async function open(options = {}) {
	const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...options });
	const page = await context.newPage();
	page.setDefaultTimeout(60_000);
	page.faults = [];
	page.strays = [];
	page.on("console", (message) => message.type() === "error" && page.faults.push(message.text()));
	page.on("pageerror", (error) => page.faults.push(String(error)));
	page.on("request", (request) => !request.url().startsWith(network.url) && !request.url().startsWith("data:") && page.strays.push(request.url()));
	await page.goto(`${network.url}/#token=${network.token("operator")}`);
	await page.waitForSelector("#connection.is-live");
	await page.waitForSelector("[data-site]");
	return page;
}

const state = (page, id, wanted) => page.waitForSelector(`[data-demand="${id}"][data-state="${wanted}"]`);
const submit = async (demand) => (await network.call("POST", "/v1/demands", demand)).id;
const noOverflow = (page) => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);

async function story(page) {
	await test("the token is taken out of the address", async () => check(!page.url().includes("token"), page.url()));

	await test("the map shows every site", async () => {
		const sites = await network.sites();
		check(sites.length >= 170, `${sites.length} sites`);
		check((await page.locator("[data-site]").count()) === sites.length, "a site is missing on the map");
		for (const site of sites) check((await page.locator(`[data-site="${site.name}"]`).count()) === 1, site.name);
	});

	await test("simulated sites are labelled", async () => {
		const label = await page.locator('[data-site="shaoguan-hub"], [data-site$="-hub"].simulated').first().getAttribute("aria-label");
		check(label.includes("simulated"), label);
		check(!(await page.locator('[data-site="guian-hub"]').getAttribute("aria-label")).includes("simulated"), "guian-hub is live");
	});

	await test("a submitted job changes state without reload", async () => {
		await page.evaluate(() => (window.sameDocument = true));
		const gate = join(network.folder, "gate");
		const id = await submit({ name: "watched", shape: SHAPE, command: ["sh", "-c", `echo line from $WEIR_SITE; while [ ! -e ${gate} ]; do sleep 0.05; done`] });
		await state(page, id, "running");
		(await import("node:fs")).writeFileSync(gate, "");
		await state(page, id, "succeeded");
		check(await page.evaluate(() => window.sameDocument === true), "the page was loaded again");
		await page.goto(`${network.url}/#/demands/${id}`);
		await page.getByRole("button", { name: "Show output" }).click();
		await page.waitForFunction(() => document.querySelector("pre.log")?.textContent.startsWith("line from "));
		await page.screenshot({ path: join(SCREENS, "demand.png") });
		await page.keyboard.press("Escape");
		await page.waitForSelector("#panel", { state: "hidden" });
	});

	await test("an impossible demand says why", async () => {
		const id = await submit({ name: "impossible", shape: { ...SHAPE, chips: { count: 1, models: ["no-such-chip"] } }, command: ["true"] });
		await page.click(`[data-demand="${id}"] td.main a`);
		await page.waitForSelector("#panel .why li");
		check((await page.locator("#panel .why-summary").textContent()).length > 10, "no summary");
		await page.getByRole("button", { name: "Cancel it" }).click();
		await state(page, id, "cancelled");
		await page.keyboard.press("Escape");
	});

	await test("names are text, never markup", async () => {
		const title = '<img src=x onerror="window.broken=1"><b>bold</b>';
		const id = await submit({ name: "markup", title, shape: SHAPE, command: ["sh", "-c", "echo '<script>window.broken=2</script>'"] });
		await state(page, id, "succeeded");
		await page.click(`[data-demand="${id}"] td.main a`);
		await page.waitForFunction((text) => document.querySelector("#panel")?.textContent.includes(text), title);
		await page.getByRole("button", { name: "Show output" }).click();
		await page.waitForFunction(() => document.querySelector("pre.log")?.textContent.includes("<script>"));
		check(await page.evaluate(() => window.broken === undefined), "markup was run");
		await page.keyboard.press("Escape");
	});

	await test("the keyboard reaches a site and its panel", async () => {
		await page.locator('[data-site][tabindex="0"]').focus();
		const first = await page.evaluate(() => document.activeElement.dataset.site);
		await page.keyboard.press("ArrowLeft");
		const second = await page.evaluate(() => document.activeElement.dataset.site);
		check(second && second !== first, `from ${first} to ${second}`);
		await page.keyboard.press("Enter");
		await page.waitForFunction((name) => document.querySelector("#panel")?.textContent.includes(name), second);
		await page.keyboard.press("Escape");
		await page.waitForSelector("#panel", { state: "hidden" });
		check((await page.evaluate(() => document.activeElement.dataset.site)) === second, "the focus did not come back");
	});

	await test("the lists of sites and chips can be searched", async () => {
		await page.click("#tab-sites");
		await page.getByLabel("Find a site").fill("suzhou-edge");
		await page.waitForFunction(() => document.querySelectorAll("[data-site-row]").length === 1);
		await page.click("#tab-chips");
		await page.waitForSelector("#chips td");
		await page.click("#tab-queue");
	});

	await test("the stream comes back after the platform was killed", async () => {
		await network.end("serve", "SIGKILL");
		await page.waitForSelector("#connection.is-away");
		await network.serve();
		await page.waitForSelector("#connection.is-live");
		const id = await submit({ name: "after-the-kill", shape: SHAPE, command: ["true"] });
		await state(page, id, "succeeded");
		check(await page.evaluate(() => window.sameDocument === undefined || window.sameDocument === true), "loaded again");
		page.faults = page.faults.filter((text) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_SOCKET_NOT_CONNECTED|ERR_EMPTY_RESPONSE/.test(text));
	});

	await test("nothing was asked for elsewhere, and nothing went wrong", async () => {
		check(page.strays.length === 0, page.strays.join(", "));
		check(page.faults.length === 0, page.faults.join("\n"));
	});
}

async function sizes() {
	await test("phone width: nothing runs over, the queue reads", async () => {
		const page = await open({ viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 });
		await page.waitForSelector("[data-demand]");
		check(await noOverflow(page), "the page is wider than the phone");
		await page.screenshot({ path: join(SCREENS, "phone.png"), fullPage: true });
		await page.click("[data-demand] td.main a");
		await page.waitForSelector("#panel h2");
		check(await noOverflow(page), "the panel is wider than the phone");
		await page.screenshot({ path: join(SCREENS, "phone-demand.png") });
	});

	await test("dark, for those whose system asks for it", async () => {
		const page = await open({ colorScheme: "dark" });
		await page.waitForSelector("[data-demand]");
		const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
		check(ground === "rgb(16, 21, 29)", ground);
		await page.screenshot({ path: join(SCREENS, "dark.png") });
	});

	await test("without a token the page asks for one", async () => {
		const page = await (await browser.newContext()).newPage();
		await page.goto(network.url);
		await page.waitForSelector("#token");
		await page.fill("#token", network.token("viewer"));
		await page.keyboard.press("Enter");
		await page.waitForSelector("[data-site]");
	});
}

try {
	await network.serve();
	network.agents();
	await until("the sites to be up", async () => (await network.call("GET", "/v1/summary")).sites_up >= 170);
	const page = await open();
	await story(page);
	await page.screenshot({ path: join(SCREENS, "desktop.png") });
	await sizes();
} catch (error) {
	failures++;
	console.log(`not ok ${++number} the tests could run`);
	console.log(String(error.stack ?? error).replace(/^/gm, "# "));
} finally {
	await browser.close();
	await network.stop();
	console.log(`1..${number}`);
}
process.exit(failures ? 1 : 0);
