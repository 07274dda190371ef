import Arguments
import Commands
import Crypto
import HTTPClient
import Lifecycle

@main
enum Program {
    static func main() async {
        // Every command may come to hold a token, a secret or a master key.
        ProcessHardening.apply()
        // Before there is another thread, since it changes the environment.
        HTTPClientLibrary.prepareProcess()
        do { try CryptoLibrary.check() } catch { KBS.exit(withError: error) }
        await KBS.main()
    }
}
