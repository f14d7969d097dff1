package main

import "tandem/go/abi"

//go:wasmexport deal_round1
func exportDealRound1(ptr, n uint32) uint64 { return abi.Export(ptr, n, dealRound1) }

//go:wasmexport deal_join
func exportDealJoin(ptr, n uint32) uint64 { return abi.Export(ptr, n, dealJoin) }

//go:wasmexport deal_round2
func exportDealRound2(ptr, n uint32) uint64 { return abi.Export(ptr, n, dealRound2) }

//go:wasmexport deal_round3
func exportDealRound3(ptr, n uint32) uint64 { return abi.Export(ptr, n, dealRound3) }

//go:wasmexport deal_finish
func exportDealFinish(ptr, n uint32) uint64 { return abi.Export(ptr, n, dealFinish) }

//go:wasmexport authorize
func exportAuthorize(ptr, n uint32) uint64 { return abi.Export(ptr, n, authorize) }

//go:wasmexport check_authorized
func exportCheckAuthorized(ptr, n uint32) uint64 { return abi.Export(ptr, n, checkAuthorized) }

//go:wasmexport seal_to
func exportSealTo(ptr, n uint32) uint64 { return abi.Export(ptr, n, sealTo) }

//go:wasmexport open_sealed
func exportOpenSealed(ptr, n uint32) uint64 { return abi.Export(ptr, n, openSealed) }

//go:wasmexport share_info
func exportShareInfo(ptr, n uint32) uint64 { return abi.Export(ptr, n, shareInfo) }

//go:wasmexport share_key
func exportShareKey(ptr, n uint32) uint64 { return abi.Export(ptr, n, shareKey) }

//go:wasmexport combine
func exportCombine(ptr, n uint32) uint64 { return abi.Export(ptr, n, combine) }

//go:wasmexport derive
func exportDerive(ptr, n uint32) uint64 { return abi.Export(ptr, n, derive) }

//go:wasmexport recover
func exportRecover(ptr, n uint32) uint64 { return abi.Export(ptr, n, recoverAddress) }

//go:wasmexport correlate_request
func exportCorrelateRequest(ptr, n uint32) uint64 { return abi.Export(ptr, n, correlateRequest) }

//go:wasmexport correlate_respond
func exportCorrelateRespond(ptr, n uint32) uint64 { return abi.Export(ptr, n, correlateRespond) }

//go:wasmexport correlate_accept
func exportCorrelateAccept(ptr, n uint32) uint64 { return abi.Export(ptr, n, correlateAccept) }

//go:wasmexport onecall_request
func exportOnecallRequest(ptr, n uint32) uint64 { return abi.Export(ptr, n, onecallRequest) }

//go:wasmexport onecall_respond
func exportOnecallRespond(ptr, n uint32) uint64 { return abi.Export(ptr, n, onecallRespond) }

//go:wasmexport onecall_check
func exportOnecallCheck(ptr, n uint32) uint64 { return abi.Export(ptr, n, onecallCheck) }

//go:wasmexport onecall_finish
func exportOnecallFinish(ptr, n uint32) uint64 { return abi.Export(ptr, n, onecallFinish) }

//go:wasmexport dkls18_request
func exportDkls18Request(ptr, n uint32) uint64 { return abi.Export(ptr, n, dkls18Request) }

//go:wasmexport dkls18_respond
func exportDkls18Respond(ptr, n uint32) uint64 { return abi.Export(ptr, n, dkls18Respond) }

//go:wasmexport dkls18_finish
func exportDkls18Finish(ptr, n uint32) uint64 { return abi.Export(ptr, n, dkls18Finish) }

//go:wasmexport dkls23_round1
func exportDkls23Round1(ptr, n uint32) uint64 { return abi.Export(ptr, n, dkls23Round1) }

//go:wasmexport dkls23_join
func exportDkls23Join(ptr, n uint32) uint64 { return abi.Export(ptr, n, dkls23Join) }

//go:wasmexport dkls23_round2
func exportDkls23Round2(ptr, n uint32) uint64 { return abi.Export(ptr, n, dkls23Round2) }

//go:wasmexport dkls23_round3
func exportDkls23Round3(ptr, n uint32) uint64 { return abi.Export(ptr, n, dkls23Round3) }

//go:wasmexport dkls23_finish
func exportDkls23Finish(ptr, n uint32) uint64 { return abi.Export(ptr, n, dkls23Finish) }

//go:wasmexport dkls23_for
func exportDkls23For(ptr, n uint32) uint64 { return abi.Export(ptr, n, dkls23For) }
