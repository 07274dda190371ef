import CoCoDialect
import Foundation
import Hummingbird
import NIOCore
import VirteeDialect

/// `POST /kbs/v0/auth` and `/attest`: two dialects have these paths, and a request shows which it speaks.
struct SharedHandshake<Context: RequestContext>: Sendable {
    let virtee: VirteeDialect<Context>
    let coco: CoCoDialect<Context>
    /// In bytes.
    let longestBody: Int

    func addRoutes(to router: Router<Context>) {
        let calls = router.group("kbs/v0")
        calls.post("auth") { request, _ in
            var request = request
            let isCoCo = CoCoDialect<Context>.speaks(try await body(of: &request))
            return isCoCo ? try await coco.challenge(request) : try await virtee.challenge(request)
        }
        calls.post("attest") { request, _ in
            var request = request
            // A guest without its cookie is told so in its own form.
            var isCoCo = request.hasGuestCookie
            if !isCoCo { isCoCo = CoCoDialect<Context>.attests(try await body(of: &request)) }
            return isCoCo ? try await coco.attest(request) : try await virtee.attest(request)
        }
        for path: RouterPath in ["auth", "attest"] { calls.refuseOtherMethods(on: path, than: [.post]) }
    }

    /// The body, which says whose it is. The dialect reads it again.
    private func body(of request: inout Request) async throws -> Data {
        do {
            return Data(try await request.collectBody(upTo: longestBody).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw HTTPError.bodyTooLong(longestBody)
        }
    }
}
