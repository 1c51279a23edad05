// Express with its defaults: routes ignore case and a slash at the end. The second argument is the package: `express4`
// or `express5`. A third is a folder of files, which are all that there is then.
'use strict';

const { ROUTES, report, place } = require('./report');
const express = require(process.argv[3]);

const app = express();
const answer = (served) => (request, response) => {
  const more = { host: request.hostname, scheme: request.protocol };
  response.json(report(served, request.baseUrl + request.path, request, more));
};
if (process.argv[4]) {
  app.use(express.static(process.argv[4]));
} else {
  for (const route of ROUTES) {
    app.all(route, answer(route));
  }
  app.use('/public', answer('/public'));
  app.use(answer('/'));
}
const { host, port } = place();
app.listen(port, host);
