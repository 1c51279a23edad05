// Fastify. With the second argument `loose` its routes ignore case, a slash at the end, doubled slashes, and what follows
// a semicolon.
'use strict';

const { ROUTES, report, place } = require('./report');

const loose = {
  caseSensitive: false,
  ignoreTrailingSlash: true,
  ignoreDuplicateSlashes: true,
  useSemicolonDelimiter: true,
};
const options = process.argv[3] === 'loose' ? { routerOptions: loose } : {};
const app = require('fastify')(options);

// The router does not tell what it compared, so this is the path as it was sent.
const answer = (served) => (request, reply) => {
  const more = { host: request.host, scheme: request.protocol };
  reply.send(report(served, request.raw.url.split('?')[0], request.raw, more));
};
// A body of any type: it is not looked at.
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', (request, payload, done) => done(null));
for (const route of ROUTES) {
  app.all(route, answer(route));
}
app.all('/public/*', answer('/public'));
app.setNotFoundHandler(answer('/'));
app.listen(place());
