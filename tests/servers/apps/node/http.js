// Node's own server. The second argument is how the path is found: `url` (new URL) or `parse` (url.parse).
'use strict';

const http = require('node:http');
const url = require('node:url');
const { ROUTES, report, place } = require('./report');

const readings = {
  url: (request) => new URL(request.url, `http://${request.headers.host}`).pathname,
  parse: (request) => url.parse(request.url).pathname,
};
const reading = readings[process.argv[3]];

const server = http.createServer((request, response) => {
  let path;
  try {
    path = reading(request) ?? '/';
  } catch {
    response.writeHead(400).end();
    return;
  }
  const served = ROUTES.find((route) => route === path) ?? (path.startsWith('/public/') ? '/public' : '/');
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(report(served, path, request)));
});
server.listen(place());
