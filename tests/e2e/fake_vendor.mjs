#!/usr/bin/env node
// A fake analytics vendor. Records every request byte for byte as one JSON line on stdout, and answers what the SDK wants to hear.
//
//   node fake_vendor.mjs --vendor mixpanel           // the vendor's own paths; answers of vendors.json
//   node fake_vendor.mjs --table sdks/vendors.json    // every vendor of the table at /<vendor>/…
//
// First line: {"listening": PORT}. Then one line for each request: {n, method, target, headers: [[name, value]…], body_b64}.
// The line is written before the answer is sent, so whoever has the answer knows that the record is on its way.
// Ends when stdin closes, so it never outlives the runner.
import fs from 'node:fs';
import http from 'node:http';
import zlib from 'node:zlib';

const arg = (name, fallback) => {
  const at = process.argv.indexOf('--' + name);
  return at > 0 ? process.argv[at + 1] : fallback;
};
const all = arg('table');
const table = JSON.parse(fs.readFileSync(new URL(all ?? './vendors.json', import.meta.url)));
const fixed = table[arg('vendor', '')]?.answers;
if (!fixed && !all) {
  console.error('unknown vendor; vendors.json has ' + Object.keys(table).filter((k) => k[0] !== '_').join(', '));
  process.exit(2);
}

// What a vendor's edge adds and a privacy proxy must not hand on.
const CHATTY = {
  'set-cookie': 'vendor_tracker=1; Path=/; Max-Age=31536000',
  etag: '"vendor-tag"',
  nel: '{"report_to":"vendor","max_age":600}',
  'report-to': '{"group":"vendor","max_age":600,"endpoints":[]}',
  'accept-ch': 'Sec-CH-UA-Model',
  'alt-svc': 'clear',
  server: 'vendor-edge/1.0',
};

const unpack = (body, coding) => {
  try {
    if (coding === 'gzip') return zlib.gunzipSync(body);
    if (coding === 'deflate') return zlib.inflateSync(body);
    if (coding === 'br') return zlib.brotliDecompressSync(body);
    if (coding === 'zstd') return zlib.zstdDecompressSync(body);
  } catch { /* the recorded bytes are what counts */ }
  return body;
};

const server = http.createServer({ maxHeaderSize: 1 << 18, keepAliveTimeout: 60000 }, (request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => answer(request, response, Buffer.concat(chunks)));
});

let count = 0;
function answer(request, response, body) {
  const headers = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
  count += 1;
  process.stdout.write(JSON.stringify({ n: count, method: request.method, target: request.url, headers, body_b64: body.toString('base64') }) + '\n');

  const out = { ...CHATTY, 'cache-control': 'no-store' };
  if (request.headers.origin) { // needed when a browser talks to the vendor directly (the baseline)
    out['access-control-allow-origin'] = request.headers.origin;
    out['access-control-allow-credentials'] = 'true';
    out['access-control-allow-headers'] = request.headers['access-control-request-headers'] ?? '*';
    out['access-control-allow-methods'] = 'GET, HEAD, POST, PUT, PATCH, REPORT, OPTIONS';
  }
  if (request.method === 'OPTIONS') {
    response.writeHead(204, out);
    return response.end();
  }
  const full = request.url.split('?')[0];
  const query = request.url.slice(full.length);
  const [, name, rest] = full.match(/^\/([a-z0-9]+)(\/.*)?$/) ?? [];
  const path = fixed ? full : (rest ?? '/');
  const words = query + '\n' + unpack(body, request.headers['content-encoding']).toString('latin1');
  const rule = (fixed ?? table[name]?.answers ?? []).find((r) => new RegExp(r.path).test(path) && (!r.if || new RegExp(r.if, 'm').test(words)));
  if (!rule) {
    response.writeHead(404, out);
    return response.end();
  }
  let [type, text] = rule.json ? ['application/json', JSON.stringify(rule.json)] : rule.script ? ['application/javascript', rule.script] : [rule.type ?? 'text/plain', rule.text ?? ''];
  if (rule.results_of) { // an entry for each event, by its id
    const ids = [...words.matchAll(new RegExp(`"${rule.results_of}":\\s*"([^"]+)"`, 'g'))].map((found) => [found[1], { result: 'ok' }]);
    [type, text] = ['application/json', JSON.stringify({ results: Object.fromEntries(ids) })];
  }
  if (rule.echo_type) type = request.headers['content-type'] ?? type;
  response.writeHead(rule.status ?? 200, { ...out, 'content-type': type });
  response.end(text);
}

server.listen(0, '127.0.0.1', () => process.stdout.write(JSON.stringify({ listening: server.address().port }) + '\n'));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
