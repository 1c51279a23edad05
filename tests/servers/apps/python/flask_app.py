"""Flask: what a WSGI app sees."""

from flask import Flask, jsonify, request

app = Flask(__name__)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def answer(served):
    variables = [[name, value] for name, value in request.environ.items() if isinstance(value, str)]
    return jsonify(
        served=served,
        path=request.path,
        method=request.method,
        host=request.host,
        scheme=request.scheme,
        user=request.remote_user,
        variables=variables,
    )


for route in ["/admin/secret", "/rest/users", "/internal/keys", "/orders"]:
    app.add_url_rule(route, route, lambda route=route: answer(route), methods=METHODS)
app.add_url_rule("/public/<path:rest>", "public", lambda rest: answer("/public"), methods=METHODS)


@app.errorhandler(404)
@app.errorhandler(405)
def otherwise(_):
    return answer("/")
