//go:build !race

package dkls23

const race = false
