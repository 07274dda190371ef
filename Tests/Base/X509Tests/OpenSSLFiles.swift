/// Files as OpenSSL's own commands write them.
enum OpenSSLFiles {
    /// `openssl req -x509` with a subject of every kind; serial 0x0A01FF00B2.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIDFzCCArygAwIBAgIFCgH/ALIwCgYIKoZIzj0EAwIwgdYxCzAJBgNVBAYTAkRF
        MREwDwYDVQQIDAhCYSwgeWVybjEOMAwGA1UEBwwFTSt4IiMxFDASBgNVBAoMC0Fj
        bWUgXCAiQ28iMRQwCAYDVQQLDAFBMAgGA1UECwwBQjEYMBYGA1UEAwwPa2JzLmV4
        YW1wbGUub3JnMRwwGgYJKoZIhvcNAQkBFg1hQGV4YW1wbGUub3JnMRMwEQYKCZIm
        iZPyLGQBGRYDb3JnMQowCAYDVQQFEwE1MQowCAYDVQQJDAF4MRMwEQYKCZImiZPy
        LGQBAQwDam9lMB4XDTI2MTEzMDAyMzczNFoXDTI3MDIyODAyMzczNFowgdYxCzAJ
        BgNVBAYTAkRFMREwDwYDVQQIDAhCYSwgeWVybjEOMAwGA1UEBwwFTSt4IiMxFDAS
        BgNVBAoMC0FjbWUgXCAiQ28iMRQwCAYDVQQLDAFBMAgGA1UECwwBQjEYMBYGA1UE
        AwwPa2JzLmV4YW1wbGUub3JnMRwwGgYJKoZIhvcNAQkBFg1hQGV4YW1wbGUub3Jn
        MRMwEQYKCZImiZPyLGQBGRYDb3JnMQowCAYDVQQFEwE1MQowCAYDVQQJDAF4MRMw
        EQYKCZImiZPyLGQBAQwDam9lMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfbDq
        qUFWdopjpxKUSPZXCpLIIfXJFqr3aVpO/hFJ9fIjtOkuMvDmMsInLAeSERXYP28L
        RnCfEknSL07ZnmpjZ6N1MHMwHQYDVR0OBBYEFJ+nGVk/i/WiysxalwRfSm6B1gCv
        MB8GA1UdIwQYMBaAFJ+nGVk/i/WiysxalwRfSm6B1gCvMA8GA1UdEwEB/wQFMAMB
        Af8wIAYDVR0RBBkwF4IPa2JzLmV4YW1wbGUub3JnhwR/AAABMAoGCCqGSM49BAMC
        A0kAMEYCIQC9CpR7bgqXjasuA43YpXKtjHoh/OBA9W+d8Ajl9P03LAIhAJ1sqipy
        nyvozrTOTeY0wAvWdL2+f3bYk/v5MnT+cjN2
        -----END CERTIFICATE-----

        """

    /// `openssl ecparam -genkey`, which puts the curve before the key.
    static let keyWithParameters = """
        -----BEGIN EC PARAMETERS-----
        BggqhkjOPQMBBw==
        -----END EC PARAMETERS-----
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIKYoL4YcxT6cYm9mwfX2VJ2hfQeGjkIpVxrqbiLP0AtboAoGCCqGSM49
        AwEHoUQDQgAEjVMSw28fnWsol4k2RiM1O5S1eSyOhtZtisOCzNrlYSKEq7tzBiW3
        CUwqEL+uML2qmA5r08sKkDGA3z7x3j0y6w==
        -----END EC PRIVATE KEY-----

        """

    /// `openssl pkcs8 -topk8` with a passphrase.
    static let encryptedKey = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIIBHDBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQI03C2myyXlf4CAggA
        MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBBcWSzJspO4CN7JwVDSE/1cBIHA
        ig0YpH0rHaWipnu4E5LblzCquamXakY0j8Pu9Cp/WpaUd66JAreOXaK8qxDXyIoE
        PR6j4fnie+BbJxSt4poX8ENDFXYG9eRBfD/RYHVnMWfyaLedYcXYAbxWFzo2+bAF
        eXzE7zyO2Ngnrujwra4An/dAdCIYioEa70zGSLL507VM4g0Cs3rgHmM+vbscPHP7
        QypI/igYTt9EnnmrJNOJCNRIeRBH3gbeul7j+Fmt0gPhkTfHXnO0elE7AT00aiaq
        -----END ENCRYPTED PRIVATE KEY-----

        """

    /// `openssl ec -aes128`: RFC 1421's headers.
    static let encryptedOldKey = """
        -----BEGIN EC PRIVATE KEY-----
        Proc-Type: 4,ENCRYPTED
        DEK-Info: AES-128-CBC,5BD6CF581B2F84A3205ACB493187A63D

        nRi6BHdMaCYXmsSKHR3Bvxlo4Gco2bnz0a7AW4a2XM22XlcHWInTkPM1mU89A/5c
        qsM/b0EaySSTELfuz049l8AM86PX2l62ccn9ByqhcZvoNstQiA2MhfdGVheCzVdn
        Iw9SgmqeStiyvOzclFWkxRE7qUi6gvsPOUCg8B8l4oui6u3XWNRd5Q/RjClBGyHM
        CK+8R9suKPQP0IclxhQ51gkR6CQrSop9Q4+Pz6GIUUI=
        -----END EC PRIVATE KEY-----

        """

    /// `openssl req -new`.
    static let request = """
        -----BEGIN CERTIFICATE REQUEST-----
        MIHHMG4CAQAwDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
        BH2w6qlBVnaKY6cSlEj2VwqSyCH1yRaq92laTv4RSfXyI7TpLjLw5jLCJywHkhEV
        2D9vC0ZwnxJJ0i9O2Z5qY2egADAKBggqhkjOPQQDAgNJADBGAiEA9pvMNsrvS42k
        LtWn3G5yaS5E73YNoOvFlS1FsuDxMiUCIQD4XICiPzaT8tg+1LMmiVydA4S7wJbT
        MKnDZoDRhuD9Fg==
        -----END CERTIFICATE REQUEST-----

        """

    /// The beginning of `openssl pkcs12 -export`.
    static let pkcs12 =
        "308205ac0201033082056206092a864886f70d010701a08205530482054f3082054b3082040206092a864886f70d010706a08203f3308203ef020100308203e806092a864886f70d010701305706092a864886f70d01050d304a302906092a864886f70d01050c301c0408e276475cd6c1b1c20202080030"
}
