const TLS_USAGE = `  --tls              ask by TLS; so it is when the settings have a tls.port and
                     listen.port 0. With --proxy these say how:
  --cacert FILE      who signs the proxy's certificate
  --cert FILE        the certificate that it is shown, and
  --key FILE         its key (default: the proxy's own ones of the settings)
  --sni NAME         the name that is in the proxy's certificate
  --insecure         do not verify the proxy's certificate
`

/** The options of the commands that ask a running proxy (`PROXY_OPTIONS`, `TLS_OPTIONS`), as a usage explains them. */
export const PROXY_USAGE = `  --proxy HOST:PORT  the proxy to ask (default: that of the settings,
                     127.0.0.1:6380 without any)
  --config FILE      the settings that the proxy was started with; its password
                     is auth.password
  --json             print JSON, as DT … answers it
${TLS_USAGE}`
