import Glibc
import TLS

/// TLS on a connection: the handshake, reading and writing.
extension Connection {
    /// Queues the next step among the TLS handshakes of the loop: one step of each costs a signature.
    func queueTLSHandshake() {
        guard !isInTLSHandshakeQueue, mustWriteTLSHandshake ? mayWrite : mayRead else { return }
        worker.tlsHandshakes.add(self)
    }

    /// Called by the queue.
    func stepTLSHandshake() {
        isInTLSHandshakeQueue = false
        guard phase == .tlsHandshake else { return }
        goOnWithTLSHandshake()
        advance()
    }

    private func goOnWithTLSHandshake() {
        guard let tls else { return }
        mustWriteTLSHandshake = false
        switch tls.handshake() {
        case .done:
            tlsPeer = TLSPeer(certificate: tls.peerCertificate, context: tls.context)
            phase = .head
            expect(.head, within: service.times.head)
            mustAdvance = true
        case .wantRead: mayRead = false
        case .wantWrite: (mayWrite, mustWriteTLSHandshake) = (false, true)
        case .closed: close()
        case .failed(let error): refuseTLSHandshake(error)
        }
    }

    private func refuseTLSHandshake(_ error: TLSError) {
        service.observe(.tlsHandshakeFailed(error, peer))
        expect(.nothing)
        // A client with http:// for https:// gets a response that it can read.
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
        // After a broken session the socket's bytes are discarded undecrypted.
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

    /// - Returns: the number of bytes sent; 0 when the socket is full, nil when it is broken.
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
