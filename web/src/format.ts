// Numbers and times for people.

export function count(value: number): string {
	if (value >= 10_000_000) return `${(value / 1e6).toFixed(0)} M`;
	if (value >= 1_000_000) return `${(value / 1e6).toFixed(1)} M`;
	if (value >= 10_000) return `${(value / 1e3).toFixed(0)} k`;
	return value.toLocaleString("en");
}

export const cores = (milli: number): string => count(Math.round(milli / 1000));

export function memory(mib: number): string {
	if (mib >= 1024 * 1024) return `${(mib / 1024 / 1024).toFixed(1)} TiB`;
	return mib >= 1024 ? `${Math.round(mib / 1024)} GiB` : `${mib} MiB`;
}

export function duration(us: number): string {
	const seconds = Math.max(0, us / 1e6);
	if (seconds < 10) return `${seconds.toFixed(1)} s`;
	if (seconds < 120) return `${Math.round(seconds)} s`;
	if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
	return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

export function clock(us: number): string {
	return us > 0 ? new Date(us / 1000).toLocaleTimeString("en-GB") : "";
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`;
