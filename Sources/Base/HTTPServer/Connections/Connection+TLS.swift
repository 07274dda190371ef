import Glibc
import TLS

/// TLS on a connection: its handshake, and reading and writing through it.
extension Connection {
    /// Each step waits for its turn among all handshakes of the loop: one of them costs a signature.
    func shakeHands() {
        guard !isWaitingForTurn, mustWriteHandshake ? mayWrite : mayRead else { return }
        worker.handshakes.ask(self)
    }

    /// It is this connection's turn.
    func takeTurn() {
        isWaitingForTurn = false
        guard phase == .handshake else { return }
        goOnWithHandshake()
        advance()
    }

    private func goOnWithHandshake() {
        guard let tls else { return }
        mustWriteHandshake = false
        switch tls.handshake() {
        case .done:
            tlsPeer = TLSPeer(certificate: tls.peerCertificate, context: tls.context)
            phase = .head
            expect(.head, within: service.times.head)
            mustAdvance = true
        case .wantRead: mayRead = false
        case .wantWrite: (mayWrite, mustWriteHandshake) = (false, true)
        case .closed: close()
        case .failed(let error): refuseHandshake(error)
        }
    }

    private func refuseHandshake(_ error: TLSError) {
        service.observe(.handshakeFailed(error, peer))
        expect(.nothing)
        // Whoever forgot the s of https is told so, in the language that they speak.
        if case .plainHTTP = error.kind {
            let sentence = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
            let text = "This port speaks TLS: use https://\n"
            let bytes = Array("\(sentence)Content-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n\(text)".utf8)
            _ = bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }
        isTLSBroken = true
        (phase, mustLinger, mustAdvance) = (.ending, true, true)
    }

    // MARK: Reading and writing

    func receive(_ tls: TLSSession, into bytes: inout [UInt8], atMost count: Int) -> Received {
        var step = TLSStep.wantRead
        // What is left of a broken session's socket is thrown away as it is.
        if isTLSBroken {
            var junk = [UInt8](repeating: 0, count: count)
            let received = recv(socket, &junk, count, 0)
            if received > 0 { return .some(received) }
            mayRead = false
            return received < 0 && errno == EAGAIN ? .nothing : .end
        }
        bytes.append(addingCapacity: count) { span in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                let place = UnsafeMutableRawBufferPointer(
                    start: buffer.baseAddress?.advanced(by: initialized), count: count)
                step = tls.read(into: place)
                if case .done(let read) = step { initialized += read }
            }
        }
        switch step {
        case .done(let read): return .some(read)
        case .wantRead, .wantWrite:
            mayRead = false
            return .nothing
        case .closed:
            mayRead = false
            return .end
        case .failed:
            mayRead = false
            isTLSBroken = true
            isDead = true
            return .end
        }
    }

    /// - Returns: how many bytes were taken; 0 when the socket is full, nil when it is broken.
    func send(_ bytes: ArraySlice<UInt8>, _ tls: TLSSession) -> Int? {
        guard !isTLSBroken else { return nil }
        switch bytes.withUnsafeBytes({ tls.write($0) }) {
        case .done(let written): return written
        case .wantRead, .wantWrite: return 0
        case .closed, .failed:
            isTLSBroken = true
            return nil
        }
    }
}
