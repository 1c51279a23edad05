module apps

go 1.22
