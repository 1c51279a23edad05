// Go's own server with its ServeMux, or with files where a second argument names their folder.
package main

import (
	"encoding/json"
	"net/http"
	"os"
)

func answer(served string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		variables := [][2]string{}
		for name, values := range r.Header {
			for _, value := range values {
				variables = append(variables, [2]string{name, value})
			}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{
			"served": served, "path": r.URL.Path, "method": r.Method, "host": r.Host, "variables": variables,
		})
	}
}

func main() {
	if len(os.Args) > 2 {
		panic(http.ListenAndServe(os.Args[1], http.FileServer(http.Dir(os.Args[2]))))
	}
	for _, route := range []string{"/admin/secret", "/rest/users", "/internal/keys", "/orders"} {
		http.HandleFunc(route, answer(route))
	}
	http.HandleFunc("/public/", answer("/public"))
	http.HandleFunc("/", answer("/"))
	if err := http.ListenAndServe(os.Args[1], nil); err != nil {
		panic(err)
	}
}
