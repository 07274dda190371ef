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
            // The body says it, and each dialect reads it again.
            let body: ByteBuffer
            do { body = try await request.collectBody(upTo: longestBody) } catch is NIOTooManyBytesError {
                throw HTTPError.bodyTooLong(longestBody)
            }
            let isCoCo = CoCoDialect<Context>.speaks(Data(body.readableBytesView))
            return isCoCo ? try await coco.challenge(request) : try await virtee.challenge(request)
        }
        calls.post("attest") { request, _ in
            request.hasGuestCookie ? try await coco.attest(request) : try await virtee.attest(request)
        }
        for path: RouterPath in ["auth", "attest"] { calls.refuseOtherMethods(on: path, than: [.post]) }
    }
}
