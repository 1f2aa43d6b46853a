using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Reads the providers behind the gateway.</summary>
internal sealed class ProviderReader(CatalogProblems problems, CatalogEnvironment environment, ImmutableArray<string> kinds)
{
    /// <summary>Hosts of those who run their own models, and have no field that chooses another model or a dearer way to it unnamed here.</summary>
    private static readonly FrozenSet<string> Makers = FrozenSet.ToFrozenSet(
        [
            "api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com", "api.deepseek.com", "api.z.ai", "open.bigmodel.cn",
            "dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "api.moonshot.ai", "api.moonshot.cn", "api.x.ai", "api.mistral.ai",
        ],
        StringComparer.OrdinalIgnoreCase);

    public ImmutableArray<Provider> Read(CatalogFields root)
    {
        var providers = ImmutableArray.CreateBuilder<Provider>();
        foreach (var fields in root.Objects("providers"))
        {
            var provider = ReadProvider(fields);
            if (provider.Name.Length > 0 && providers.Any(other => other.Name == provider.Name))
            {
                problems.Error(fields.Find("name")!, $"The provider '{provider.Name}' is there twice.");
            }
            providers.Add(provider);
        }
        return providers.ToImmutable();
    }

    private Provider ReadProvider(CatalogFields fields)
    {
        var name = fields.Text("name");
        var url = ReadBaseUrl(fields);
        var provider = new Provider
        {
            Name = name,
            Kind = ReadKind(fields),
            BaseUrl = url,
            ApiVersion = fields.OptionalText("api_version"),
            TakesUnknownFields = fields.Choice("unknown_fields", url is not null && Makers.Contains(url.Host), ("pass", true), ("refuse", false)),
            DisplayName = fields.OptionalText("display_name") ?? name,
            PolicyUrl = fields.Url("policy_url", mayHaveQuery: true),
            Country = fields.OptionalText("country"),
        };
        if (provider.Country is { } country && (country.Length != 2 || !country.All(char.IsAsciiLetterUpper)))
        {
            problems.Error(fields.Find("country")!, "A country code of two capital letters is expected, for example US.");
        }
        fields.Finish();
        return provider;
    }

    private string ReadKind(CatalogFields fields)
    {
        var kind = fields.Text("kind");
        if (kind.Length > 0 && !kinds.Contains(kind))
        {
            problems.Error(
                fields.Find("kind")!,
                $"The kind '{kind}' is not one of {string.Join(", ", kinds)}. Most providers have an OpenAI-compatible address, for kind openai.");
        }
        return kind;
    }

    private Uri? ReadBaseUrl(CatalogFields fields)
    {
        var mayBeInsecure = fields.Flag("allow_insecure", false);
        var literal = fields.Find("base_url");
        var variable = fields.Find("base_url_env");
        if ((literal is null) == (variable is null))
        {
            problems.Error(literal ?? fields.Node, "A provider needs either base_url or base_url_env.");
            return null;
        }
        var node = literal ?? variable!;
        var url = literal is not null
            ? fields.Url("base_url")
            : environment.Read(fields, "base_url_env") is { } text ? fields.UrlOf(node, text) : null;
        if (url is { Scheme: "http", IsLoopback: false } && !mayBeInsecure)
        {
            problems.Error(node, "An address without TLS is only for this machine: use https, or set allow_insecure.");
        }
        return url is null || url.AbsolutePath.EndsWith('/') ? url : new Uri(url.AbsoluteUri + "/");
    }
}
