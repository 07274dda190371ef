import Broker
import Bytes
import CoCoDialect
import HTTP
import HTTPEdge
import Tracing
import VirteeDialect

/// `POST /kbs/v0/auth` and `/attest`: two dialects have these paths, and a request shows which it speaks.
struct SharedHandshake<Context: RequestContext & RemoteAddressRequestContext>: Sendable {
    let virtee: VirteeDialect<Context>
    let coco: CoCoDialect<Context>
    let broker: Broker
    /// In bytes.
    let longestBody: Int
    /// Is told which version of the protocol a call spoke.
    let wasSpoken: @Sendable (String) -> Void

    func addRoutes(to router: Router<Context>) {
        let calls = router.group("kbs/v0")
        calls.post("auth") { request, context in
            try await answering(context, .challenge) {
                var request = request
                let body = try await request.collectBody(upTo: longestBody)
                // To parse it twice would cost each guest of the other dialect more than all else that is done here.
                let isCoCo = !body[...].holds(Self.workload) && CoCoDialect<Context>.speaks(body)
                return isCoCo ? try await coco.challenge(request) : try await virtee.challenge(request)
            }
        }
        calls.post("attest") { request, context in
            try await answering(context, .attest) {
                var request = request
                var isCoCo = request.hasGuestCookie
                // A guest without its cookie is told so in its own form.
                if !isCoCo, !request.hasSessionCookie {
                    isCoCo = CoCoDialect<Context>.attests(try await request.collectBody(upTo: longestBody))
                }
                return isCoCo ? try await coco.attest(request) : try await virtee.attest(request)
            }
        }
        for path: RouterPath in ["auth", "attest"] { calls.refuseOtherMethods(on: path, than: [.post]) }
    }

    /// Answers as somebody's call: what evidence costs beside its verification is counted by caller, and the operator sees
    /// what was refused.
    private func answering(
        _ context: Context, _ action: AuditRecord.Action, _ body: () async throws -> Response
    ) async throws -> Response {
        let caller = Caller(
            network: context.remoteAddress?.limited.description, address: context.remoteAddress?.description ?? "",
            request: ServiceContext.current?.requestID?.description ?? "")
        defer { if !caller.version.isEmpty { wasSpoken(caller.version) } }
        return try await Caller.$current.withValue(caller) {
            do {
                return try await body()
            } catch {
                if let refusal = (error as? Refusal) ?? (error as? Failure)?.refusal {
                    // Whoever is refused is told so, also when nothing can be written.
                    try? await broker.recordUnseen(refusal, as: action)
                }
                throw error
            }
        }
    }

    /// What only the virtee protocol's `/auth` has.
    private static var workload: [UInt8] { Array("workload_id".utf8) }
}
