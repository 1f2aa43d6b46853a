using System.Text;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Tests.Unit.Catalog;

/// <summary>A small catalog that is right, for tests to spoil.</summary>
internal static class CatalogText
{
    public static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    public const string Valid = """
        {
          // A comment.
          "providers": [
            {
              "name": "acme",
              "kind": "openai",
              "base_url": "https://api.acme.example/v1",
              "country": "US",
            },
          ],
          "channels": [
            {
              "name": "acme-1",
              "provider": "acme",
              "key_env": "ACME_KEY",
              "models": { "small": "acme-small-2026" },
              "priority": 1,
              "weight": 2,
              "on_client_gone": { "drain": { "max_ms": 30000, "max_tokens": 2000 } },
              "times": { "connect_ms": 1000 },
              "enabled": true,
            },
          ],
          "models": [
            {
              "id": "small",
              "aliases": ["tiny"],
              "owned_by": "acme",
              "created": "2026-01-02",
              "context_window": 100000,
              "max_output_tokens": 8000,
              "modalities": { "input": ["text", "image"], "output": ["text"] },
              "bounds": { "image_tokens": 1500 },
              "prices": [
                {
                  "from": "2026-01-01T00:00:00Z",
                  "per_million": { "input": 1.5, "cached_input": "0.15", "output": 6 },
                  "per_call": 0.001,
                  "tiers": [
                    { "above_input_tokens": 50000, "per_million": { "input": 3, "output": 9 } },
                  ],
                  "windows": [
                    { "name": "night", "from": "22:00", "to": "06:00", "multiplier": 0.5 },
                  ],
                  "source": "https://acme.example/pricing?lang=en",
                  "source_date": "2026-01-01",
                },
              ],
            },
          ],
        }
        """;

    public static CatalogResult Parse(string text, CatalogSnapshot? previous = null, EnvironmentVariables? environment = null) =>
        CatalogFile.Parse(
            Encoding.UTF8.GetBytes(text),
            environment ?? (name => name == "ACME_KEY" ? "key-of-acme" : null),
            Now,
            previous?.Prices.ToDictionary(price => price.Price.Id));

    /// <summary>The valid catalog with one text replaced by another.</summary>
    public static string With(string find, string replacement)
    {
        var start = Valid.IndexOf(find, StringComparison.Ordinal);
        Xunit.Assert.True(start >= 0, $"'{find}' is not in the catalog");
        return Valid[..start] + replacement + Valid[(start + find.Length)..];
    }

    /// <summary>The line, from 1, on which a text stands.</summary>
    public static int LineOf(string text, string part)
    {
        var start = text.IndexOf(part, StringComparison.Ordinal);
        Xunit.Assert.True(start >= 0, $"'{part}' is not in the catalog");
        return text.AsSpan(0, start).Count('\n') + 1;
    }
}
