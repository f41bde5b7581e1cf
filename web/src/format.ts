// Numbers and times for people.

export function count(value: number): string {
	return Math.abs(value) >= 10_000_000 ? `${(value / 1e6).toFixed(1)} M` : value.toLocaleString("en");
}

export const cores = (milli: number): string => count(milli < 10_000 ? Math.round(milli / 100) / 10 : Math.round(milli / 1000));

export function memory(mib: number): string {
	if (mib >= 1024 * 1024) return `${count(Math.round((mib / 1024 / 1024) * 10) / 10)} TiB`;
	return mib >= 1024 ? `${Math.round((mib / 1024) * 10) / 10} GiB` : `${mib} MiB`;
}

export function duration(us: number): string {
	const seconds = Math.max(0, us / 1e6);
	if (seconds < 10) return `${seconds.toFixed(1)} s`;
	if (seconds < 120) return `${Math.round(seconds)} s`;
	if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
	return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

// The time of day, with the day when that is not today.
export function clock(us: number): string {
	if (us <= 0) return "";
	const at = new Date(us / 1000),
		time = at.toLocaleTimeString("en-GB");
	return at.toDateString() === new Date().toDateString() ? time : `${at.toLocaleDateString("sv-SE")} ${time}`;
}

export function milliseconds(us: number): string {
	return us < 10_000 ? `${(us / 1000).toFixed(1)} ms` : `${Math.round(us / 1000)} ms`;
}

export const bandwidth = (mbit: number): string => (mbit >= 1000 ? `${count(mbit / 1000)} Gbit/s` : `${count(mbit)} Mbit/s`);

// Rounded towards the middle: only what is empty is 0 %, only what is full is 100 %.
export function percent(share: number): string {
	const whole = Math.round(share * 100);
	return `${share > 0 && whole === 0 ? "<1" : share < 1 && whole === 100 ? ">99" : whole} %`;
}

export const plural = (value: number, one: string, many = `${one}s`): string => `${count(value)} ${value === 1 ? one : many}`;
