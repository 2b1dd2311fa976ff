// Command prometheus-judge reads an exposition from its standard input with Prometheus' own parser, and
// prints as JSON what it understood and what its linter complains of.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

type family struct {
	Type    string              `json:"type"`
	Help    string              `json:"help"`
	Labels  []map[string]string `json:"labels"`
	Values  []float64           `json:"values"`
	Buckets []int               `json:"buckets"`
}

type verdict struct {
	Families   map[string]family `json:"families"`
	Complaints []string          `json:"complaints"`
}

func main() {
	log.SetFlags(0)
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		log.Fatalf("the parser refuses it: %v", err)
	}
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil {
		log.Fatalf("the linter refuses it: %v", err)
	}
	judged := verdict{Families: map[string]family{}, Complaints: []string{}}
	for name, it := range parsed {
		judged.Families[name] = familyOf(it)
	}
	for _, problem := range problems {
		judged.Complaints = append(judged.Complaints, problem.Metric+": "+problem.Text)
	}
	if err := json.NewEncoder(os.Stdout).Encode(judged); err != nil {
		log.Fatal(err)
	}
}

func familyOf(it *dto.MetricFamily) family {
	result := family{Type: strings.ToLower(it.GetType().String()), Help: it.GetHelp()}
	for _, metric := range it.GetMetric() {
		labels := map[string]string{}
		for _, label := range metric.GetLabel() {
			labels[label.GetName()] = label.GetValue()
		}
		result.Labels = append(result.Labels, labels)
		result.Buckets = append(result.Buckets, len(metric.GetHistogram().GetBucket()))
		result.Values = append(result.Values, valueOf(it.GetType(), metric))
	}
	return result
}

// valueOf is the count of a histogram, and the value of anything else.
func valueOf(kind dto.MetricType, metric *dto.Metric) float64 {
	switch kind {
	case dto.MetricType_HISTOGRAM:
		return float64(metric.GetHistogram().GetSampleCount())
	case dto.MetricType_COUNTER:
		return metric.GetCounter().GetValue()
	case dto.MetricType_GAUGE:
		return metric.GetGauge().GetValue()
	default:
		return metric.GetUntyped().GetValue()
	}
}
