// For server libraries that take a host but no port, path or plain HTTP: in production they get a route by host name. Here what they hand to
// the network for that host goes to the runner's address instead, unchanged but for where it goes.
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import { driver } from '../driver.mjs';

/** How many requests have not been answered yet. */
export const traffic = { open: 0 };

export const reroute = (host) => {
  const [base, plain] = [new URL(driver.base), http.request];
  for (const module of [http, https]) {
    const before = module.request;
    module.request = (given, ...rest) => {
      const options = typeof given === 'string' || given instanceof URL ? null : given;
      if ((options?.hostname ?? options?.host) !== host) return before(given, ...rest);
      traffic.open += 1;
      const request = plain({ ...options, protocol: 'http:', host: base.hostname, hostname: base.hostname, port: base.port, path: base.pathname + options.path, agent: undefined, _defaultAgent: undefined }, ...rest);
      request.on('close', () => { traffic.open -= 1; });
      return request;
    };
  }
  syncBuiltinESMExports();
};
