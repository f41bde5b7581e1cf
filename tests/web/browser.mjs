// A browser, and pages that note what went wrong in them.
import { existsSync } from "node:fs";

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = [
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

// The browser, or why there is none.
export async function launch() {
	const path = BROWSERS.find((name) => existsSync(name));
	if (!path) return "there is no Chromium on this machine";
	const driver = await import("playwright-core").catch(() => null);
	return driver ? driver.chromium.launch({ executablePath: path, args: FLAGS }) : "playwright-core is not installed";
}

export async function blank(browser, url, options = {}) {
	const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...options });
	const page = await context.newPage();
	page.setDefaultTimeout(30_000);
	page.faults = [];
	page.strays = [];
	page.on("console", (message) => message.type() === "error" && page.faults.push(message.text()));
	page.on("pageerror", (error) => page.faults.push(String(error)));
	page.on(
		"request",
		(request) => !request.url().startsWith(url) && !request.url().startsWith("data:") && page.strays.push(request.url()),
	);
	return page;
}

export async function open(browser, network, options = {}, role = "operator") {
	const page = await blank(browser, network.url, options);
	await page.goto(`${network.url}/#token=${network.token(role)}`);
	await page.waitForSelector("#connection.is-live");
	await page.waitForSelector("#map .site");
	return page;
}

export const noOverflow = (page) => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);

// Texts whose contrast with what lies behind them is below WCAG's AA: 4.5, and 3 for large ones.
export const lowContrast = (page) =>
	page.evaluate(() => {
		const parse = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
		const light = (part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
		const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
		const ground = (element) => {
			for (let at = element; at; at = at.parentElement) {
				const color = parse(getComputedStyle(at).backgroundColor);
				if (color.length === 3 || color[3] === 1) return color;
			}
			return [255, 255, 255];
		};
		const found = new Set();
		for (const element of document.querySelectorAll("body *:not(script)")) {
			if (element instanceof SVGElement || !element.checkVisibility({ visibilityProperty: true })) continue;
			if (![...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim())) continue;
			const style = getComputedStyle(element),
				a = luminance(parse(style.color)),
				b = luminance(ground(element));
			const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
				size = parseFloat(style.fontSize);
			if (ratio < (size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 700) ? 3 : 4.5))
				found.add(`${ratio.toFixed(2)} ${element.tagName} .${element.className} "${element.textContent.slice(0, 30)}"`);
		}
		return [...found];
	});

// Controls and pictures that a screen reader could not name.
export const nameless = (page) =>
	page.evaluate(() => {
		const found = [];
		for (const element of document.querySelectorAll(
			'button, a[href], input, select, [role="button"], [role="img"], [role="group"], progress, svg:not([aria-hidden])',
		)) {
			if (
				!element.checkVisibility() ||
				element.closest('[aria-hidden="true"]') ||
				(element.tagName === "svg" && element.querySelector('[role="group"][aria-label]'))
			)
				continue;
			const name = element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.[0]?.textContent;
			if (!name) found.push(element.outerHTML.slice(0, 120));
		}
		return found;
	});
