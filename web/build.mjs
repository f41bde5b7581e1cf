// Bundles the page into dist/: index.html, app.js, app.css. The land is cut to what the map shows.
import { readFileSync, writeFileSync, mkdirSync, copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { build } from "esbuild";
import { feature } from "topojson-client";

const require = createRequire(import.meta.url);
const WEST = 55,
	EAST = 155,
	SOUTH = -5,
	NORTH = 62; // degrees
const DIGITS = 2;

// Sutherland-Hodgman against one edge of the box: `inside` and `cross` say where points lie and lines meet it.
function cut(ring, inside, cross) {
	const out = [];
	for (let i = 0; i < ring.length; i++) {
		const a = ring[i],
			b = ring[(i + 1) % ring.length];
		if (inside(a)) out.push(a);
		if (inside(a) !== inside(b)) out.push(cross(a, b));
	}
	return out;
}

const atLongitude = (x) => (a, b) => [x, a[1] + ((b[1] - a[1]) * (x - a[0])) / (b[0] - a[0])];
const atLatitude = (y) => (a, b) => [a[0] + ((b[0] - a[0]) * (y - a[1])) / (b[1] - a[1]), y];

function cutToBox(ring) {
	let out = cut(ring, (p) => p[0] >= WEST, atLongitude(WEST));
	out = cut(out, (p) => p[0] <= EAST, atLongitude(EAST));
	out = cut(out, (p) => p[1] >= SOUTH, atLatitude(SOUTH));
	return cut(out, (p) => p[1] <= NORTH, atLatitude(NORTH));
}

function landRings() {
	const topology = JSON.parse(readFileSync(require.resolve("world-atlas/land-50m.json")));
	const land = feature(topology, topology.objects.land);
	const rings = [];
	for (const part of land.features)
		for (const polygon of part.geometry.type === "Polygon" ? [part.geometry.coordinates] : part.geometry.coordinates)
			for (const ring of polygon) {
				const rounded = cutToBox(ring.slice(0, -1)).map((p) => p.map((v) => Number(v.toFixed(DIGITS))));
				const distinct = rounded.filter((p, i) => i === 0 || p[0] !== rounded[i - 1][0] || p[1] !== rounded[i - 1][1]);
				if (distinct.length > 3) rings.push(distinct.flat());
			}
	return rings;
}

mkdirSync("generated", { recursive: true });
mkdirSync("dist", { recursive: true });
writeFileSync("generated/land.json", JSON.stringify(landRings()));
await build({
	entryPoints: { app: "src/main.ts" },
	bundle: true,
	minify: true,
	target: "es2020",
	format: "iife",
	outdir: "dist",
	legalComments: "eof",
	logLevel: "warning",
});
copyFileSync("src/index.html", "dist/index.html");
