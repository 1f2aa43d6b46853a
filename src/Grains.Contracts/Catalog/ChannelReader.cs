using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Reads the channels to the providers.</summary>
internal sealed class ChannelReader(
    CatalogProblems problems,
    CatalogEnvironment environment,
    ImmutableArray<Provider> providers,
    ImmutableArray<Model> models)
{
    /// <summary>The fields that a provider must get as they are counted on: without one a request costs more than it is held for, or is charged for what it did not get.</summary>
    private static readonly FrozenSet<string> Bounding =
        FrozenSet.ToFrozenSet(
        [
            "model", "messages", "input", "store", "max_output_tokens", "stream", "stream_options", "max_tokens", "max_completion_tokens", "modalities",
            "tools", "max_tool_calls", "web_search_options", "enable_search", "search_options", "search_parameters", "speed",
            "size", "quality", "frame_count",
            "contents", "generationConfig", "generation_config", "serviceTier", "service_tier", "content", "requests", "generateContentRequest",
        ]);

    private const int MaxRank = 1_000_000;
    private const long MaxDrainTokens = 1_000_000;

    public ImmutableArray<Channel> Read(CatalogFields root)
    {
        var channels = ImmutableArray.CreateBuilder<Channel>();
        foreach (var fields in root.Objects("channels"))
        {
            var channel = ReadChannel(fields);
            if (channel.Name.Length > 0 && channels.Any(other => other.Name == channel.Name))
            {
                problems.Error(fields.Find("name")!, $"The channel '{channel.Name}' is there twice.");
            }
            channels.Add(channel);
        }
        return channels.ToImmutable();
    }

    private Channel ReadChannel(CatalogFields fields)
    {
        var provider = ReadProvider(fields);
        var isEnabled = fields.Flag("enabled", true);
        var needsKey = ReadsKey(fields);
        var key = environment.Read(fields, "key_env");
        var channel = new Channel
        {
            Name = fields.Text("name"),
            Provider = provider,
            Key = key is null ? null : new ProviderKey(key),
            OffReason = !isEnabled ? "It is disabled."
                : provider.BaseUrl is null ? "Its provider's address is not set."
                : needsKey && key is null ? "Its key's environment variable is not set."
                : null,
            Models = ReadModels(fields),
            Priority = (int)fields.Integer("priority", 0, MaxRank, 0),
            Weight = (int)fields.Integer("weight", 1, MaxRank, 1),
            OnClientGone = ReadOnClientGone(fields),
            Times = ReadTimes(fields),
            Organization = environment.Read(fields, "organization_env"),
            Project = environment.Read(fields, "project_env"),
            MaxTokensField = fields.Choice(
                "max_tokens_field",
                provider.Traits.MaxTokensField,
                ("as_is", MaxTokensField.AsIs),
                ("max_tokens", MaxTokensField.MaxTokens),
                ("max_completion_tokens", MaxTokensField.MaxCompletionTokens)),
            DropParams = fields.Find("drop_params") is null ? provider.Traits.DropParams : ReadDropParams(fields),
            DropsUnpriced = fields.Choice("unpriced", false, ("refuse", false), ("drop", true)),
            SupportsStreamUsage = fields.Flag("supports_stream_usage", provider.Traits.SupportsStreamUsage),
            TakesResponses = fields.Flag("responses", provider.BaseUrl?.Host == "api.openai.com"),
            RepeatLost = fields.Flag("repeat_lost", false),
            Mend = fields.Flag("mend", true),
            FillsSignatures = fields.Flag("fill_signatures", false),
        };
        fields.Finish();
        return channel;
    }

    private ImmutableArray<string> ReadDropParams(CatalogFields fields)
    {
        var names = ImmutableArray.CreateBuilder<string>();
        foreach (var (node, name) in fields.Texts("drop_params"))
        {
            if (Bounding.Contains(name))
            {
                problems.Error(node, $"'{name}' cannot be left out: a request's cost is bounded by it, or it is no request without it.");
            }
            names.Add(name);
        }
        return names.ToImmutable();
    }

    private Provider ReadProvider(CatalogFields fields)
    {
        var name = fields.Text("provider");
        if (providers.FirstOrDefault(provider => provider.Name == name) is { } provider)
        {
            return provider;
        }
        if (name.Length > 0)
        {
            problems.Error(fields.Find("provider")!, $"There is no provider '{name}'.");
        }
        return new Provider { Name = name, Kind = ProviderKinds.OpenAI, BaseUrl = null, DisplayName = name };
    }

    /// <summary>A provider without a key says so with null, so that a forgotten field is not taken for one.</summary>
    private static bool ReadsKey(CatalogFields fields)
    {
        if (!fields.Has("key_env"))
        {
            fields.Missing("key_env");
        }
        return fields.Find("key_env") is not null;
    }

    private ImmutableArray<(string Model, string Upstream)> ReadModels(CatalogFields fields)
    {
        if (fields.Find("models") is not { } node)
        {
            fields.Missing("models");
            return [];
        }
        var entries = node.Kind == JsonValueKind.Object
            ? node.Fields.Select(field => (Node: field.Value, Model: field.Name, Upstream: fields.TextOf(field.Value) ?? "")).ToList()
            : fields.Texts("models").Select(item => (item.Node, Model: item.Text, Upstream: item.Text)).ToList();
        if (entries.Count == 0 && node.Kind is JsonValueKind.Object or JsonValueKind.Array)
        {
            problems.Error(node, "A channel needs a model.");
        }
        foreach (var (item, model, _) in entries)
        {
            if (!models.Any(known => known.Id == model))
            {
                problems.Error(item, $"There is no model with the id '{model}'.");
            }
        }
        foreach (var repeated in entries.GroupBy(entry => entry.Model).SelectMany(group => group.Skip(1)))
        {
            problems.Error(repeated.Node, $"The model '{repeated.Model}' is there twice.");
        }
        return [.. entries.Select(entry => (entry.Model, entry.Upstream))];
    }

    private ClientGonePolicy ReadOnClientGone(CatalogFields channel)
    {
        if (channel.Find("on_client_gone") is not { } node)
        {
            return ClientGonePolicy.Cancel;
        }
        if (node.Kind == JsonValueKind.String && node.Text == "cancel")
        {
            return ClientGonePolicy.Cancel;
        }
        if (node.Kind != JsonValueKind.Object)
        {
            problems.Error(node, "Either \"cancel\" or { \"drain\": { \"max_ms\": …, \"max_tokens\": … } } is expected.");
            return ClientGonePolicy.Cancel;
        }
        var fields = new CatalogFields(node, problems);
        if (fields.Find("drain") is not { } bounds)
        {
            fields.Missing("drain");
            fields.Finish();
            return ClientGonePolicy.Cancel;
        }
        var drain = new CatalogFields(bounds, problems);
        var policy = new ClientGonePolicy(
            true,
            (int)drain.Integer("max_ms", 1, ChannelTimes.MaxTotalMs),
            drain.Integer("max_tokens", 1, MaxDrainTokens));
        drain.Finish();
        fields.Finish();
        return policy;
    }

    private ChannelTimes ReadTimes(CatalogFields channel)
    {
        var defaults = new ChannelTimes();
        if (channel.Find("times") is not { } node)
        {
            return defaults;
        }
        var fields = new CatalogFields(node, problems);
        var times = new ChannelTimes
        {
            ConnectMs = Ms("connect_ms", defaults.ConnectMs),
            FirstByteMs = Ms("first_byte_ms", defaults.FirstByteMs),
            IdleMs = Ms("idle_ms", defaults.IdleMs),
            TotalMs = Ms("total_ms", defaults.TotalMs),
        };
        fields.Finish();
        return times;

        int Ms(string name, int fallback) => (int)fields.Integer(name, 1, ChannelTimes.MaxTotalMs, fallback);
    }
}
