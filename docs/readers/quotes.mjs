// Read one quote of marketctl from Redis, fail closed on age. No packages: node quotes.mjs SOCKET_OR_PORT KUCOIN BTC/USDT 30
import net from "node:net";

/** Return {bid, ask, ...}: decimals stay texts. Rejects where there is no fresh quote. */
export function quote(place, provider, pair, maxAgeS, prefix = "marketctl") {
  return new Promise((resolve, reject) => {
    const socket = net.connect(/^\d+$/.test(place) ? { port: Number(place), host: "127.0.0.1" } : { path: place });
    const key = `${prefix}:{${provider}}:l1`;
    const command = (...words) => `*${words.length}\r\n` + words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join("");
    // One transaction: the quote and the time it was collected belong together.
    socket.write(command("MULTI") + command("HGET", key, pair) + command("HGET", `${key}:meta`, "collected_ms") + command("TIME") + command("EXEC"));
    let text = "";
    socket.setEncoding("utf8").setTimeout(5000, () => socket.destroy(new Error("Redis does not answer")));
    socket.on("error", reject).on("close", () => reject(new Error("Redis does not answer")));
    socket.on("data", (part) => {
      text += part;
      const lines = text.split("\r\n"), at = lines.indexOf("*3");
      if (lines.some((line) => line.startsWith("-"))) return socket.destroy(new Error(lines.find((line) => line.startsWith("-"))));
      if (at < 0 || lines.length < at + 4) return;
      const values = [];
      for (let i = at + 1; i < lines.length - 1; i += 1) if (!/^[*$]\d+$/.test(lines[i])) values.push(lines[i] === "$-1" ? null : lines[i]);
      if (values.length < 4) return;
      socket.end();
      if (values[0] === null) return reject(new Error(`no live quote of ${provider} ${pair}`));
      let found;
      try { found = Object(JSON.parse(values[0])); } catch (error) { return reject(error); }
      const now = Number(values[2]) * 1000 + Number(values[3]) / 1000;
      const collected = found.collected_ms ?? Number(values[1]), age = (now - Math.min(collected, found.at ?? collected)) / 1000;
      if (!(age <= maxAgeS && collected - now < 5000)) return reject(new Error(`too old: ${age.toFixed(1)} s`));
      // A bank's rate for tomorrow is none of today.
      if (found.mid && (found.at ?? 0) - now > 60000) return reject(new Error("too early"));
      resolve({ ...found, age_s: Math.max(0, age) });
    });
  });
}

if (import.meta.url.endsWith(`/${process.argv[1]?.split("/").pop()}`)) {  // not where another program imports it
  const [place, provider, pair, maxAge, prefix] = process.argv.slice(2);
  quote(place, provider, pair, Number(maxAge), prefix).then((q) => console.log(JSON.stringify(q)), (e) => { console.error(e.message); process.exitCode = 1; });
}
