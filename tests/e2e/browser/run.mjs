#!/usr/bin/env node
// Drives one page script in real headless Chromium.
//
//   E2E_BASE=… E2E_PROJECT=… node browser/run.mjs --script mixpanel.js --options '{"batch_requests":false}'
//
// Prints {"driven": …} when the page script is through; then waits for a line on stdin (the runner has seen at the vendor what it waits
// for), leaves the page (what SDKs flush on unload goes out), and prints the report.
import fs from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CANARIES, driver, finish } from '../driver.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const packages = createRequire(driver.packages);
const { chromium } = packages('playwright-core');
const esbuild = packages('esbuild');
const arg = (name, fallback) => {
  const at = process.argv.indexOf('--' + name);
  return at > 0 ? process.argv[at + 1] : fallback;
};
const script = arg('script');
const trouble = [];

const built = await esbuild.build({
  entryPoints: [path.join(here, script)], bundle: true, write: false, format: 'iife', platform: 'browser', target: 'es2022', logLevel: 'error',
  nodePaths: ['./node_modules', '../node_modules'].map((folder) => fileURLToPath(new URL(folder, driver.packages))),
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
});
const html = fs.readFileSync(path.join(here, 'page.html'));
const pages = http.createServer((request, response) => {
  const url = request.url.split('?')[0];
  if (url === '/script.js') return response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(built.outputFiles[0].text);
  if (url.startsWith('/package/')) { // a script that pages load by its tag
    const file = ['./node_modules/', '../node_modules/'].map((folder) => new URL(folder + url.slice(9), driver.packages)).find((one) => fs.existsSync(one));
    return file ? response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(fs.readFileSync(file)) : response.writeHead(404).end();
  }
  if (url === '/favicon.ico') return response.writeHead(204).end();
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'set-cookie': `session=${CANARIES.cookie}; Path=/` });
  return response.end(url === '/bye' ? '<title>bye</title>' : html);
});
await once(pages.listen(0, '127.0.0.1'), 'listening');
const origin = `http://127.0.0.1:${pages.address().port}`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true,
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
    '--disable-blink-features=AutomationControlled', '--disable-features=PrivateNetworkAccessSendPreflights,BlockInsecurePrivateNetworkRequests,LocalNetworkAccessChecks'],
});
const agent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${browser.version()} Safari/537.36 ${CANARIES.user_agent_marker}`;
const context = await browser.newContext({ userAgent: agent, locale: 'en-GB', timezoneId: 'Europe/London', viewport: { width: 1280, height: 800 } });
await context.addInitScript(`window.__E2E = ${JSON.stringify({ base: driver.base, project: driver.project, options: JSON.parse(arg('options', '{}')), canaries: CANARIES })};`);
const page = await context.newPage();
const answered = [];
let leaving = false;
page.on('pageerror', (error) => trouble.push('page error: ' + String(error).slice(0, 200)));
const begun = new Set();
page.on('response', (response) => {
  begun.add(response.request());
  if (!response.url().startsWith(driver.base)) return;
  const place = new URL(response.url()).pathname;
  answered.push(`${response.request().method()} ${place} ${response.status()}`);
  if (response.status() >= 300) trouble.push(`${place} answered ${response.status()}`);
});
page.on('requestfailed', (request) => {
  const reason = request.failure()?.errorText ?? '';
  if ((leaving || begun.has(request)) && reason === 'net::ERR_ABORTED') return; // cut by leaving the page, or its answer's body is not read
  if (request.method() === 'POST' && request.resourceType() === 'ping') return; // sendBeacon has no answer to read
  trouble.push(`${request.method()} ${request.url().split('?')[0]} failed: ${reason}`);
});

try {
  await page.goto(origin + CANARIES.page.path + CANARIES.page.query, { referer: CANARIES.page.referrer });
  await page.addScriptTag({ url: '/script.js' });
  const learnt = await page.evaluate(() => window.__drive());
  if (JSON.parse(arg('options', '{}')).recorded) await seen('/record');
  process.stdout.write(JSON.stringify({ driven: true }) + '\n');
  await once(process.stdin, 'data');
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])); // what libraries know a browser by
  leaving = true;
  await page.goto(origin + '/bye');
  await context.close();
  await browser.close();
  finish(trouble, { answered, stored, ...learnt });
} catch (error) {
  trouble.push(String(error).slice(0, 300));
  finish(trouble, { answered });
}

/** Waits until an endpoint has answered a POST. */
async function seen(place) {
  const there = () => answered.some((line) => line.startsWith('POST') && line.includes(place));
  if (!there()) await page.waitForResponse((response) => response.request().method() === 'POST' && response.url().includes(place), { timeout: 30000 });
}
