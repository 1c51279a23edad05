// A CGI program, which goes by PATH_INFO.
package main

import (
	"encoding/json"
	"os"
	"strings"
)

func main() {
	variables := [][2]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		variables = append(variables, [2]string{name, value})
	}
	path := os.Getenv("PATH_INFO")
	served := "/"
	for _, route := range []string{"/admin/secret", "/rest/users", "/internal/keys", "/orders"} {
		if path == route {
			served = route
		}
	}
	if strings.HasPrefix(path, "/public/") {
		served = "/public"
	}
	os.Stdout.WriteString("Status: 200 OK\r\nContent-Type: application/json\r\n\r\n")
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"served": served, "path": path, "method": os.Getenv("REQUEST_METHOD"), "host": os.Getenv("HTTP_HOST"),
		"user": os.Getenv("REMOTE_USER"), "variables": variables,
	})
}
