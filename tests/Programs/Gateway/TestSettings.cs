namespace OrleansGateway.Tests.Programs.Gateway;

/// <summary>What all gateways of the tests are told.</summary>
internal static class TestSettings
{
    public const string Model = "sim-mini";
    public const string OperatorToken = "operator-token-of-the-tests-0123456789";
    public const string SigningSecret = "signing-secret-of-the-tests-0123456789";

    public const string Catalog =
        $$"""
        {
          "providers": [{ "name": "simulated", "kind": "openai", "base_url_env": "SIMULATED_PROVIDER_URL", "unknown_fields": "pass" }],
          "channels": [{ "name": "simulated", "provider": "simulated", "key_env": null, "models": ["{{Model}}"] }],
          "models": [{
            "id": "{{Model}}", "owned_by": "simulated", "created": "2026-01-01", "context_window": 128000, "max_output_tokens": 16384,
            "prices": [{ "from": "2026-01-01T00:00:00Z", "per_million": { "input": 0.15, "cached_input": 0.075, "output": 0.60 } }]
          }]
        }
        """;
}
