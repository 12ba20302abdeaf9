#!/usr/bin/env node
// A proxy that changes nothing: /<vendor>/<rest> goes to <upstream>/<rest>, byte for byte.
// The negative control of the end-to-end tests: what they assert about Tamis must fail here.
//
//   node passthrough.mjs --vendor mixpanel --upstream http://127.0.0.1:PORT
//
// First line on stdout: {"listening": PORT}. Ends when stdin closes.
import http from 'node:http';

const arg = (name) => process.argv[process.argv.indexOf('--' + name) + 1];
const prefix = '/' + arg('vendor');
const upstream = new URL(arg('upstream'));
const agent = new http.Agent({ keepAlive: true });

const server = http.createServer({ maxHeaderSize: 1 << 18 }, (request, response) => {
  if (!request.url.startsWith(prefix + '/')) {
    response.writeHead(404);
    return response.end();
  }
  const headers = [...request.rawHeaders];
  for (let i = 0; i < headers.length; i += 2) if (headers[i].toLowerCase() === 'host') headers[i + 1] = upstream.host;
  const forward = http.request({ host: upstream.hostname, port: upstream.port, path: request.url.slice(prefix.length), method: request.method, headers, agent }, (reply) => {
    response.writeHead(reply.statusCode, reply.rawHeaders);
    reply.pipe(response);
  });
  forward.on('error', () => response.writeHead(502).end());
  request.pipe(forward);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(JSON.stringify({ listening: server.address().port }) + '\n'));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
