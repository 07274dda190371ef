import Broker
import Bytes
import CoCoDialect
import HTTP
import HTTPEdge
import VirteeDialect

/// `POST /kbs/v0/auth` and `/attest`: two dialects have these paths, and a request shows which it speaks.
struct SharedHandshake<Context: RequestContext & RemoteAddressRequestContext>: Sendable {
    let virtee: VirteeDialect<Context>
    let coco: CoCoDialect<Context>
    /// In bytes.
    let longestBody: Int

    func addRoutes(to router: Router<Context>) {
        let calls = router.group("kbs/v0")
        calls.post("auth") { request, _ in
            var request = request
            let body = try await request.collectBody(upTo: longestBody)
            // To parse it twice would cost each guest of the other dialect more than all else that is done here.
            let isCoCo = !body[...].holds(Self.workload) && CoCoDialect<Context>.speaks(body)
            return isCoCo ? try await coco.challenge(request) : try await virtee.challenge(request)
        }
        calls.post("attest") { request, context in
            var request = request
            var isCoCo = request.hasGuestCookie
            // A guest without its cookie is told so in its own form.
            if !isCoCo, !request.hasSessionCookie {
                isCoCo = CoCoDialect<Context>.attests(try await request.collectBody(upTo: longestBody))
            }
            // What evidence costs beside its verification is counted by caller.
            return try await Caller.$network.withValue(context.remoteAddress?.limited.description) { [request] in
                isCoCo ? try await coco.attest(request) : try await virtee.attest(request)
            }
        }
        for path: RouterPath in ["auth", "attest"] { calls.refuseOtherMethods(on: path, than: [.post]) }
    }

    /// What only the virtee protocol's `/auth` has.
    private static var workload: [UInt8] { Array("workload_id".utf8) }
}
