// What every app here says of a request.
'use strict';

const ROUTES = ['/admin/secret', '/rest/users', '/internal/keys', '/orders'];

function report(served, path, request, more = {}) {
  const variables = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    variables.push([request.rawHeaders[at], request.rawHeaders[at + 1]]);
  }
  return { served, path, escaped: true, method: request.method, host: request.headers.host, variables, ...more };
}

// Where the test wants the app to listen.
function place() {
  const [host, port] = process.argv[2].split(':');
  return { host, port: Number(port) };
}

module.exports = { ROUTES, report, place };
