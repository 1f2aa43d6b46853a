using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Reads the models that customers can call.</summary>
internal sealed class ModelReader(CatalogProblems problems, PriceReader prices)
{
    private const long MaxTokens = 1_000_000_000;
    private const int MaxChoices = 128;
    private const int MaxSearches = 1000;
    private const int MaxImageSide = 100_000;

    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    public ImmutableArray<(Model Model, CatalogNode Node)> Read(CatalogFields root)
    {
        var models = root.Objects("models").Select(fields => (ReadModel(fields), fields.Node)).ToImmutableArray();
        if (models.IsEmpty)
        {
            problems.Error(root.Find("models") ?? root.Node, "A catalog needs a model.");
        }
        return models;
    }

    private Model ReadModel(CatalogFields fields)
    {
        var id = fields.Text("id");
        CheckName(fields.Find("id"), id);
        var aliases = fields.Texts("aliases");
        foreach (var (node, alias) in aliases)
        {
            CheckName(node, alias);
        }
        var contextWindow = fields.Integer("context_window", 1, MaxTokens);
        var (input, output) = ReadModalities(fields);
        var versions = prices.Read(fields, id);
        var created = fields.Date("created") is { } day
            ? new DateTimeOffset(day, TimeOnly.MinValue, TimeSpan.Zero)
            : versions.FirstOrDefault()?.From ?? default;
        var model = new Model
        {
            Id = id,
            Aliases = [.. aliases.Select(alias => alias.Text)],
            OwnedBy = fields.Text("owned_by"),
            Created = created.ToUnixTimeSeconds(),
            ContextWindow = contextWindow,
            MaxOutputTokens = fields.Integer("max_output_tokens", 1, MaxTokens),
            Input = input,
            Output = output,
            IsRealtime = fields.Flag("realtime", false),
            ThinksUnseen = fields.Flag("thinks_unseen", false),
            ImageTokens = contextWindow,
            AudioTokens = contextWindow,
            FileTokens = contextWindow,
            MaxChoices = (int)fields.Integer("max_n", 1, MaxChoices, 8),
            Prices = versions,
        };
        model = WithBounds(fields, model);
        fields.Finish();
        return model;
    }

    private void CheckName(CatalogNode? node, string name)
    {
        if (node is null || name.Length == 0)
        {
            return;
        }
        if (name.Length > AccountProtocol.ModelNameLengthMax || name.Any(character => character is <= ' ' or > '~' or '#' or '@'))
        {
            problems.Error(node, $"A model's name has at most {AccountProtocol.ModelNameLengthMax} printable ASCII characters, no blanks, '#' or '@'.");
        }
        if (!_names.Add(name))
        {
            problems.Error(node, $"The model name '{name}' is there twice.");
        }
    }

    private (Modalities Input, Modalities Output) ReadModalities(CatalogFields model)
    {
        if (model.Find("modalities") is not { } node)
        {
            return (Modalities.Text, Modalities.Text);
        }
        var fields = new CatalogFields(node, problems);
        var modalities = (Read("input"), Read("output"));
        fields.Finish();
        return modalities;

        Modalities Read(string name)
        {
            if (fields.Find(name) is null)
            {
                return Modalities.Text;
            }
            return fields.Items(name).Aggregate(Modalities.None, (all, item) => all | fields.ChoiceOf(
                item,
                Modalities.None,
                ("text", Modalities.Text),
                ("image", Modalities.Image),
                ("audio", Modalities.Audio),
                ("file", Modalities.File)));
        }
    }

    private Model WithBounds(CatalogFields fields, Model model)
    {
        if (fields.Find("bounds") is not { } node)
        {
            return model;
        }
        var bounds = new CatalogFields(node, problems);
        model = model with
        {
            ImageTokens = bounds.Integer("image_tokens", 0, MaxTokens, model.ContextWindow),
            AudioTokens = bounds.Integer("audio_tokens", 0, MaxTokens, model.ContextWindow),
            FileTokens = bounds.Integer("file_tokens", 0, MaxTokens, model.ContextWindow),
            MaxSearches = (int)bounds.Integer("searches", 1, MaxSearches, 1),
        };
        if (bounds.Find("image_squares") is { } squares)
        {
            var rule = new CatalogFields(squares, problems);
            model = model with
            {
                ImageSide = (int)rule.Integer("side", 1, MaxImageSide),
                ImageBaseTokens = rule.Integer("base", 0, MaxTokens, 0),
                ImageTokensPerSquare = rule.Decimal("tokens") ?? 0,
            };
            if (rule.Find("tokens") is null)
            {
                rule.Missing("tokens");
            }
            rule.Finish();
        }
        bounds.Finish();
        return model;
    }
}
